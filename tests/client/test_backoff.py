"""When a client comes back: soon after an accident of its own, spread out after everybody's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewire.client.backoff import MAX_BOUND_S, STABLE_AFTER_S, Backoff
from tidewire.client.closing import after_close, after_failure, after_refusal


def last() -> float:
    """The latest moment of every draw."""
    return 1.0


def _opened(uptime_s: float = STABLE_AFTER_S) -> tuple[Backoff, float]:
    backoff = Backoff(last)
    backoff.opened(100.0)
    return backoff, 100.0 + uptime_s


def test_an_isolated_drop_is_tried_again_within_half_a_second() -> None:
    backoff, now = _opened()
    assert backoff.after(after_close(None, ""), now) == 0.5


def test_a_close_that_says_now_is_obeyed_at_once_but_only_once() -> None:
    backoff, now = _opened()
    assert backoff.after(after_close(4009, ""), now) == 0.0
    backoff.opened(now)
    assert backoff.after(after_close(4009, ""), now + 1.0) == 4.0


def test_a_close_on_purpose_begins_with_a_wider_bound() -> None:
    backoff, now = _opened()
    assert backoff.after(after_close(1011, ""), now) == 4.0


def test_two_short_bounds_are_followed_by_the_cap() -> None:
    backoff = Backoff(last)
    waits = [backoff.after(after_failure("refused"), 0.0) for _ in range(4)]
    assert waits == [4.0, 4.0, 25.0, 25.0]


def test_the_window_of_a_draining_server_is_obeyed() -> None:
    backoff, now = _opened()
    assert backoff.after(after_close(1012, "", window_s=30.0), now) == 30.0


def test_a_window_is_not_for_a_close_that_says_never_mind() -> None:
    assert after_close(4009, "", window_s=30.0).window_s is None


def test_a_refusal_that_names_a_time_is_waited_for_with_jitter_on_top() -> None:
    backoff = Backoff(last)
    assert backoff.after(after_refusal(503, "busy", 7.0), 0.0) == 7.0 + 4.0


def test_a_connection_that_did_not_last_does_not_reset_the_count() -> None:
    backoff = Backoff(last)
    for _ in range(6):
        backoff.after(after_failure("refused"), 0.0)
    backoff.opened(10.0)
    assert backoff.after(after_close(None, ""), 10.0 + STABLE_AFTER_S - 0.1) == MAX_BOUND_S
    backoff.opened(10.0)
    assert backoff.after(after_close(None, ""), 10.0 + STABLE_AFTER_S) == 0.5


@given(st.integers(0, 5_000), st.floats(0, 1))
def test_no_wait_is_longer_than_the_cap_however_often_it_failed(
    failures: int, drawn: float
) -> None:
    backoff = Backoff(lambda: drawn)
    backoff.failures = failures
    assert 0.0 <= backoff.after(after_failure("refused"), 0.0) <= MAX_BOUND_S


@pytest.mark.parametrize("drawn", [0.0, 0.25, 1.0])
def test_jitter_is_full_the_whole_bound_is_drawn_from(drawn: float) -> None:
    backoff = Backoff(lambda: drawn)
    backoff.failures = 100
    assert backoff.after(after_failure("refused"), 0.0) == drawn * MAX_BOUND_S
