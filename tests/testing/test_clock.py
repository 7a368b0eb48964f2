import pytest

from tidewire.testing.clock import START_TIME_MS, FakeClock


def test_time_stands_still_until_it_is_advanced() -> None:
    clock = FakeClock()
    assert clock.monotonic() == clock.monotonic() == 0.0
    assert clock.time_ms() == START_TIME_MS


def test_both_clocks_advance_together() -> None:
    clock = FakeClock()
    clock.advance(2.5)
    assert clock.monotonic() == 2.5
    assert clock.time_ms() == START_TIME_MS + 2500
    assert clock.time() == (START_TIME_MS + 2500) / 1000


def test_many_small_steps_add_up() -> None:
    clock = FakeClock()
    for _ in range(10_000):
        clock.advance(0.0001)
    assert clock.monotonic() == pytest.approx(1.0)
    assert clock.time_ms() in (START_TIME_MS + 999, START_TIME_MS + 1000)


def test_time_does_not_go_back() -> None:
    with pytest.raises(ValueError, match="does not go back"):
        FakeClock().advance(-1)


def test_a_corrected_wall_clock_leaves_the_monotonic_clock_alone() -> None:
    clock = FakeClock()
    clock.advance(10)
    clock.set_wall_clock(START_TIME_MS - 3_600_000)
    assert clock.time_ms() == START_TIME_MS - 3_600_000
    assert clock.monotonic() == 10
