"""Backoff: how long to wait before the next try, so that a crowd does not come back as one. Pure.

Full jitter after the cap: a random moment between now and a bound of half a second, then
four, then twenty-five. ``bench/HERD.md`` shows what a crowd does with these numbers, and
``docs/explanation/reconnecting.md`` says why. The clock and the randomness are passed in.
"""

from __future__ import annotations

from collections.abc import Callable

from tidewire.client.closing import Ending
from tidewire.websocket.close_codes import ComeBack

FIRST_BOUND_S = 0.5
"""A dropped connection is mostly a moment's: long enough for a network to change, no longer."""

GROWTH = 8.0
"""Doubling is too slow: a crowd must be in its long waits when an outage of five seconds ends."""

MAX_BOUND_S = 25.0
"""The shortest with which at most one client in twenty comes back in any second after that."""

STABLE_AFTER_S = 5.0
"""A connection that lasted so long has worked: what follows is a new trouble, not the old one."""

CROWD_STEP = 1
"""Where a server closed on purpose it closed others, too: the first bound is four seconds then."""


class Backoff:
    """One client's tries, counted. ``draw`` answers a random number from 0 to 1."""

    def __init__(self, draw: Callable[[], float]) -> None:
        self.failures = 0
        """Tries that have failed since the last connection that lasted."""

        self._draw = draw
        self._opened_at: float | None = None

    def opened(self, now: float) -> None:
        """A connection is open; whether it counts shows when it ends."""
        self._opened_at = now

    def after(self, ending: Ending, now: float) -> float:
        """Seconds to wait after ``ending``."""
        was_stable = self._opened_at is not None and now - self._opened_at >= STABLE_AFTER_S
        self._opened_at = None
        step = 0 if was_stable else self.failures
        self.failures = step + 1
        if ending.window_s is not None:
            return self._draw() * ending.window_s
        if was_stable and ending.come_back in (ComeBack.NOW, ComeBack.WITH_NEW_TOKEN):
            return 0.0
        if not ending.is_isolated:
            step = max(step, CROWD_STEP)
        return ending.not_before_s + self._draw() * bound_s(step)


def bound_s(step: int) -> float:
    """The longest wait of the try after ``step`` failures."""
    return min(MAX_BOUND_S, FIRST_BOUND_S * GROWTH ** min(step, 10))
