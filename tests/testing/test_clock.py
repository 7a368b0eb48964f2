import pytest

from tidewire.clock import Clock
from tidewire.testing.clock import START_TIME_S, FakeClock


def test_time_stands_still_until_it_is_advanced() -> None:
    clock: Clock = FakeClock()
    assert clock.monotonic() == clock.monotonic() == 0.0
    assert clock.time() == clock.time() == START_TIME_S


def test_both_clocks_advance_together() -> None:
    clock = FakeClock()
    clock.advance(2.5)
    assert clock.monotonic() == 2.5
    assert clock.time() == START_TIME_S + 2.5


def test_time_does_not_go_back() -> None:
    with pytest.raises(ValueError, match="does not go back"):
        FakeClock().advance(-1)


def test_a_corrected_wall_clock_leaves_the_monotonic_clock_alone() -> None:
    clock = FakeClock()
    clock.advance(10)
    clock.set_wall_clock(START_TIME_S - 3600)
    assert clock.time() == START_TIME_S - 3600
    assert clock.monotonic() == 10
