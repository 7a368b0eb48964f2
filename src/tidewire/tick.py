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

    __slots__ = ("_call_soon", "_clock", "_has_more", "_phases", "is_requested", "now")

    def __init__(
        self, call_soon: Callable[[Callable[[], None]], object], clock: Callable[[], float]
    ) -> None:
        self._call_soon = call_soon
        self._clock = clock
        self._phases: tuple[Callable[[], None], ...] = ()
        self._has_more: Callable[[], bool] = lambda: False
        self.is_requested = False
        self.now = clock()

    def set_phases(
        self, *phases: Callable[[], None], has_more: Callable[[], bool] = lambda: False
    ) -> None:
        """``has_more``: whether a later phase has left work for an earlier one, for a next tick."""
        self._phases = phases
        self._has_more = has_more

    def request(self) -> None:
        """Run the phases soon. Called while they run, it asks for nothing: a later phase or
        ``has_more`` sees to it (otherwise every tick would be followed by an empty one)."""
        if not self.is_requested:
            self.is_requested = True
            self.now = self._clock()
            self._call_soon(self._run)

    def _run(self) -> None:
        for phase in self._phases:
            try:
                phase()
            except Exception:
                logger.exception("a phase of the tick failed")
        self.is_requested = False
        if self._has_more():
            self.request()
