"""A clock that stands still until a test moves it.

Satisfies ``tidewire.clock.Clock``. Starts no timer and wakes nobody: a test
advances it and then calls what it is testing.
"""

from __future__ import annotations

START_TIME_S = 1_700_000_000.0
"""Where the wall clock starts: a plausible date, so that a token's ``exp`` reads like one."""


class FakeClock:
    """Time that passes only by ``advance``."""

    __slots__ = ("_monotonic_s", "_time_s")

    def __init__(self, *, monotonic_s: float = 0.0, time_s: float = START_TIME_S) -> None:
        self._monotonic_s = monotonic_s
        self._time_s = time_s

    def monotonic(self) -> float:
        """Seconds from an arbitrary origin; never goes back."""
        return self._monotonic_s

    def time(self) -> float:
        """Seconds since the Unix epoch."""
        return self._time_s

    def advance(self, seconds: float) -> None:
        """Let time pass, on both clocks alike."""
        if seconds < 0:
            raise ValueError("time does not go back; use set_wall_clock to correct the wall clock")
        self._monotonic_s += seconds
        self._time_s += seconds

    def set_wall_clock(self, time_s: float) -> None:
        """Correct the wall clock, as an operator or NTP does: ``monotonic`` takes no notice."""
        self._time_s = time_s
