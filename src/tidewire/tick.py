"""One tick: everything that happens in one turn of the event loop leaves in one go.

Frames that arrive in one turn are handled as they come; what they cause is
collected, and the phases run once at the turn's end. Under load this divides
system calls by the batch; idle, it adds no delay.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

logger = logging.getLogger("tidewire.tick")


MANY = 8
"""Publications in a turn from which on another look at the sockets pays."""

MAX_LOOKS = 4
"""Looks at the sockets before what came is written. Each takes in what one poll brings, so this
bounds what a publication waits for company: about a millisecond, and half that at the median."""


class Tick:
    """Runs its phases in order, once, soon after any number of ``request`` calls.

    ``now`` is when the turn's first request came, by the monotonic clock: read
    once a turn, where three readings a message were 2 % of its cost.
    """

    __slots__ = (
        "_call_soon",
        "_clock",
        "_gathered",
        "_has_more",
        "_looks",
        "_phases",
        "_waiting",
        "is_requested",
        "now",
    )

    def __init__(
        self, call_soon: Callable[[Callable[[], None]], object], clock: Callable[[], float]
    ) -> None:
        self._call_soon = call_soon
        self._clock = clock
        self._phases: tuple[Callable[[], None], ...] = ()
        self._has_more: Callable[[], bool] = lambda: False
        self._waiting: Callable[[], int] = lambda: 0
        self._gathered = MANY - 1
        self._looks = 0
        self.is_requested = False
        self.now = clock()

    def set_phases(
        self,
        *phases: Callable[[], None],
        has_more: Callable[[], bool] = lambda: False,
        waiting: Callable[[], int] = lambda: 0,
    ) -> None:
        """What a tick does.

        ``has_more``: whether a later phase has left work for an earlier one, for
        a next tick. ``waiting``: how many publications wait to be written to
        many readers; where company makes no write cheaper it says 0.
        """
        self._phases = phases
        self._has_more = has_more
        self._waiting = waiting

    def request(self) -> None:
        """Run the phases soon. Called while they run, it asks for nothing: a later phase or
        ``has_more`` sees to it (otherwise every tick would be followed by an empty one)."""
        if not self.is_requested:
            self.is_requested = True
            self.now = self._clock()
            self._call_soon(self._run)

    def _run(self) -> None:
        if self._looks_again():
            self._call_soon(self._run)
            return
        for phase in self._phases:
            try:
                phase()
            except Exception:
                logger.exception("a phase of the tick failed")
        self.is_requested = False
        if self._has_more():
            self.request()

    def _looks_again(self) -> bool:
        """Whether to let the sockets bring more first: they did so far, and there are many.

        A hundred clients that all talk send while others are read. One more poll
        costs 5 us and makes the batch of each write half as large again.
        """
        waiting = self._waiting()
        if waiting > self._gathered and self._looks < MAX_LOOKS:
            self._gathered = waiting
            self._looks += 1
            return True
        self._gathered, self._looks = MANY - 1, 0
        return False
