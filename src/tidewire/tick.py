"""One tick: everything that happens in one turn of the event loop leaves in one go.

Frames that arrive in one turn are handled as they come; what they cause is
collected, and the phases run once at the turn's end. Under load this divides
system calls by the batch; idle, it adds no delay.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

logger = logging.getLogger("tidewire.tick")


class Tick:
    """Runs ``phases`` in order, once, soon after any number of ``request`` calls.

    ``now`` is when the turn's first request came, by the monotonic clock: read
    once a turn, where three readings a message were 2 % of its cost.
    """

    __slots__ = ("_call_soon", "_clock", "_phases", "is_requested", "now")

    def __init__(
        self, call_soon: Callable[[Callable[[], None]], object], clock: Callable[[], float]
    ) -> None:
        self._call_soon = call_soon
        self._clock = clock
        self._phases: tuple[Callable[[], None], ...] = ()
        self.is_requested = False
        self.now = clock()

    def set_phases(self, *phases: Callable[[], None]) -> None:
        self._phases = phases

    def request(self) -> None:
        if not self.is_requested:
            self.is_requested = True
            self.now = self._clock()
            self._call_soon(self._run)

    def _run(self) -> None:
        # Cleared first: a phase that fails must not keep the next tick from coming.
        self.is_requested = False
        for phase in self._phases:
            try:
                phase()
            except Exception:
                logger.exception("a phase of the tick failed")
