"""Rates: exactly a burst at once, exactly the rate in the long run, in bounded memory."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidewire.errors import ConfigError
from tidewire.security.rates import (
    KeyedRates,
    Rate,
    SharedBuckets,
    StrikePolicy,
    Strikes,
    TokenBucket,
)

rates = st.builds(Rate, st.floats(0.01, 10_000), st.integers(1, 1000))
moments = st.floats(0, 1e8)  # three years of uptime


@given(rates, moments)
@settings(deadline=None)
def test_exactly_a_burst_is_let_through_at_once(rate: Rate, now: float) -> None:
    """Catalogue 66."""
    bucket = TokenBucket(rate)
    assert all(bucket.take(now) == 0.0 for _ in range(rate.burst))
    assert bucket.take(now) > 0.0


@given(rates, moments)
@settings(deadline=None)
def test_who_waits_as_long_as_it_was_told_is_let_in(rate: Rate, now: float) -> None:
    bucket = TokenBucket(rate)
    for _ in range(rate.burst):
        bucket.take(now)
    wait_s = bucket.take(now)
    assert wait_s == pytest.approx(rate.interval_s, abs=1e-5)
    assert bucket.take(now + wait_s) == 0.0
    assert bucket.take(now + wait_s) > 0.0


@given(rates, st.lists(st.floats(0, 0.1), max_size=300))
@settings(deadline=None)
def test_no_pattern_of_asking_gets_more_than_the_rate(rate: Rate, pauses: list[float]) -> None:
    """Catalogue 66: a refused ask costs nothing, an accepted one always does."""
    bucket, now, accepted = TokenBucket(rate), 0.0, 0
    for pause_s in pauses:
        now += pause_s
        accepted += bucket.take(now) == 0.0
    assert accepted <= rate.burst + now * rate.per_second + 1


def test_a_rest_gives_back_the_burst_and_never_more() -> None:
    bucket = TokenBucket(Rate(per_second=1, burst=3))
    for now in (0.0, 1000.0):
        assert [bucket.take(now) == 0.0 for _ in range(4)] == [True, True, True, False]


def test_an_unlimited_rate_never_refuses() -> None:
    bucket = TokenBucket(Rate(per_second=math.inf, burst=1))
    assert not any(bucket.take(1.0) for _ in range(1000))


@pytest.mark.parametrize(("per_second", "burst"), [(0, 1), (-1, 1), (1, 0), (math.nan, 1)])
def test_a_rate_that_would_let_nothing_through_is_a_mistake(per_second: float, burst: int) -> None:
    with pytest.raises(ConfigError):
        Rate(per_second, burst)


@given(rates, moments, st.lists(st.integers(1, 50), max_size=50))
@settings(deadline=None)
def test_many_taken_together_are_as_many_taken_one_by_one(
    rate: Rate, now: float, counts: list[int]
) -> None:
    together, single = TokenBucket(rate), TokenBucket(rate)
    for count in (count for count in counts if count <= rate.burst):
        if together.take_many(now, count) == 0.0:
            assert all(single.take(now) == 0.0 for _ in range(count))
    assert together.take(now) == pytest.approx(single.take(now), abs=1e-4)


@given(rates, moments, st.integers(1, 2000), st.integers(1, 2000))
@settings(deadline=None)
def test_any_number_is_let_in_after_the_wait_it_was_told(
    rate: Rate, now: float, first: int, second: int
) -> None:
    """More than a burst, too: after a rest, and only then."""
    bucket = TokenBucket(rate)
    bucket.take_many(now, first)
    wait_s = bucket.take_many(now, second)
    assert wait_s <= first * rate.interval_s + 1e-5
    assert wait_s == 0.0 or bucket.take_many(now + wait_s, second) == 0.0


def test_one_user_over_its_rate_takes_nothing_from_another() -> None:
    """Catalogue 66: per user and per address."""
    keyed = KeyedRates[str](Rate(per_second=1, burst=2), capacity=10)
    assert [keyed.take("mallory", 0.0) for _ in range(3)] == [0.0, 0.0, 1.0]
    assert keyed.take("alice", 0.0) == 0.0


@given(rates, st.lists(st.floats(0, 1), max_size=100))
@settings(deadline=None)
def test_a_key_is_limited_exactly_as_a_bucket_of_its_own(rate: Rate, pauses: list[float]) -> None:
    keyed, bucket, now = KeyedRates[str](rate, capacity=10), TokenBucket(rate), 0.0
    for pause_s in pauses:
        now += pause_s
        assert keyed.take("alice", now) == pytest.approx(bucket.take(now))


def test_keys_that_rest_are_forgotten_as_others_come() -> None:
    keyed = KeyedRates[int](Rate(per_second=1, burst=1), capacity=1000)
    for key in range(500):
        keyed.take(key, 0.0)
    for key in range(500, 1000):
        keyed.take(key, 100.0 + key)
    assert len(keyed) < 10


def test_a_million_keys_at_once_cost_bounded_memory_and_the_newest_are_kept() -> None:
    keyed = KeyedRates[int](Rate(per_second=1, burst=1), capacity=100)
    for key in range(10_000):
        keyed.take(key, 0.0)
    assert len(keyed) == 100
    assert keyed.take(9_999, 0.0) > 0.0


def test_patience_survives_a_burst_and_ends_with_repetition() -> None:
    """Catalogue 66: an error first, then the connection is closed."""
    strikes = Strikes(StrikePolicy(refusals=3, window_s=30.0))
    assert [strikes.strike(0.0) for _ in range(4)] == [False, False, False, True]


def test_refusals_far_apart_never_close_a_connection() -> None:
    strikes = Strikes(StrikePolicy(refusals=3, window_s=30.0))
    assert not any(strikes.strike(now=30.0 * at) for at in range(100))


def test_a_client_that_floods_is_out_within_moments() -> None:
    """Catalogue 66."""
    strikes = Strikes()
    assert any(strikes.strike(now=at / 1000) for at in range(1000))


def test_another_rate_holds_for_keys_that_are_known_already() -> None:
    rates = KeyedRates[str](Rate(1.0, 1), 10)
    assert rates.take("ada", 0.0) == 0.0
    rates.set_rate(Rate(1.0, 3))
    assert [rates.take("ada", 0.0) for _ in range(2)] == [0.0, 0.0]
    assert rates.take("ada", 0.0) > 0.0


# --- buckets that several hold ----------------------------------------------------------------


def test_all_who_ask_for_one_key_hold_the_same_bucket() -> None:
    shared = SharedBuckets[str](Rate(1, 1), 10)
    first, second = shared.bucket("ann", 0), shared.bucket("ann", 0)
    assert first is second
    assert shared.bucket("bob", 0) is not first
    assert first.take(0) == 0.0
    assert second.take(0) == pytest.approx(1)


def test_who_has_used_up_its_rate_gets_no_new_one_by_coming_back() -> None:
    """Catalogue 66."""
    shared = SharedBuckets[str](Rate(1, 1), 10)
    shared.bucket("ann", 0).take(0)  # and nobody holds it any more
    assert shared.bucket("ann", 0.5).take(0.5) == pytest.approx(0.5)


def test_a_bucket_that_is_held_is_shared_even_when_it_is_not_remembered() -> None:
    shared = SharedBuckets[str](Rate(1, 1), 2)
    held = shared.bucket("ann", 0)
    for number in range(20):
        shared.bucket(str(number), 0).take(0)
    assert shared.bucket("ann", 0) is held


def test_only_so_many_buckets_that_nobody_holds_are_remembered() -> None:
    shared = SharedBuckets[str](Rate(1, 1), 5)
    for number in range(100):
        shared.bucket(str(number), 0).take(0)
    assert len(shared) <= 5


def test_buckets_that_are_idle_are_forgotten_first() -> None:
    shared = SharedBuckets[str](Rate(1, 1), 3)
    shared.bucket("busy", 0).take(0)
    for number in range(10):
        shared.bucket(str(number), 0)
    assert shared.bucket("busy", 0).take(0) > 0


def test_a_new_rate_counts_for_buckets_that_are_held() -> None:
    shared = SharedBuckets[str](Rate(1, 1), 10)
    held = shared.bucket("ann", 0)
    shared.set_rate(Rate(10, 2))
    assert [held.take(0), held.take(0)] == [0.0, 0.0]
    assert held.take(0) == pytest.approx(0.1)
