"""Time as a value: the machine's clocks and the tests' keep one contract."""

from __future__ import annotations

import time

from tidewire.clock import Clock, SystemClock
from tidewire.testing.clock import FakeClock

CLOCKS: tuple[type[Clock], ...] = (SystemClock, FakeClock)


def test_no_clock_for_intervals_ever_goes_back() -> None:
    for kind in CLOCKS:
        clock = kind()
        assert clock.monotonic() <= clock.monotonic()


def test_the_system_clock_is_the_machines() -> None:
    before = time.time(), time.monotonic()
    clock = SystemClock()
    now = clock.time(), clock.monotonic()
    assert before[0] <= now[0] <= time.time()
    assert before[1] <= now[1] <= time.monotonic()
