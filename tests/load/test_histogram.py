"""Fixed buckets: never less than the truth, and at most 0.8 % more."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewire.load.histogram import BUCKETS, MAX_US, SUB_BUCKETS, Histogram, bucket_of, top_of

DURATIONS = st.integers(0, MAX_US)


def _of(durations: list[int]) -> Histogram:
    histogram = Histogram()
    for us in durations:
        histogram.record(us)
    return histogram


@given(DURATIONS)
def test_a_duration_is_known_to_within_a_128th(us: int) -> None:
    top = top_of(bucket_of(us))
    assert us <= top <= us + us // SUB_BUCKETS


def test_buckets_follow_each_other_without_a_hole() -> None:
    for bucket in range(BUCKETS - 1):
        assert bucket_of(top_of(bucket)) == bucket
        assert bucket_of(top_of(bucket) + 1) == bucket + 1


@given(st.lists(DURATIONS, min_size=1), st.floats(0.1, 100))
def test_a_percentile_is_what_so_many_took_at_most(durations: list[int], percent: float) -> None:
    found = _of(durations).percentile(percent)
    shorter = sum(us <= found for us in durations)
    assert shorter >= len(durations) * percent / 100
    assert found <= max(durations)


def test_percentiles_agree_with_sorting() -> None:
    chance = random.Random(7)
    durations = sorted(int(chance.lognormvariate(8, 2)) for _ in range(10_000))
    histogram = _of(durations)
    for percent in (50, 90, 99, 99.9):
        exact = durations[int(len(durations) * percent / 100) - 1]
        assert exact <= histogram.percentile(percent) <= exact * 1.008 + 1


@given(st.lists(DURATIONS), st.lists(DURATIONS))
def test_merged_histograms_are_as_if_one_had_recorded_all(one: list[int], two: list[int]) -> None:
    merged, together = _of(one), _of(one + two)
    merged.merge(_of(two))
    for percent in (50, 99, 100):
        assert merged.percentile(percent) == together.percentile(percent)
    assert (merged.count, merged.mean_us) == (together.count, together.mean_us)


@pytest.mark.parametrize(("us", "kept"), [(-5, 0), (MAX_US * 10, MAX_US)])
def test_what_is_outside_is_counted_at_the_end(us: int, kept: int) -> None:
    assert _of([us, us]).percentile(50) == kept


def test_nothing_recorded_is_zero() -> None:
    assert (Histogram().percentile(99), Histogram().mean_us) == (0, 0.0)
