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
    """Runs ``phases`` in order, once, soon after any number of ``request`` calls."""

    __slots__ = ("_call_soon", "_is_requested", "_phases")

    def __init__(self, call_soon: Callable[[Callable[[], None]], object]) -> None:
        self._call_soon = call_soon
        self._phases: tuple[Callable[[], None], ...] = ()
        self._is_requested = False

    def set_phases(self, *phases: Callable[[], None]) -> None:
        self._phases = phases

    def request(self) -> None:
        if not self._is_requested:
            self._is_requested = True
            self._call_soon(self._run)

    def _run(self) -> None:
        # Cleared first: a phase that fails must not keep the next tick from coming.
        self._is_requested = False
        for phase in self._phases:
            try:
                phase()
            except Exception:
                logger.exception("a phase of the tick failed")
