"""Drain: leaving without a stampede.

Everyone is told to come back at a random moment within a window sized to how
many they are; then connections are closed in a spread over that window, with
1012, so that whoever did not listen is spread too.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from tidewire.node.core import Node
from tidewire.server.shared import Client, Shared
from tidewire.websocket import close_codes

logger = logging.getLogger("tidewire.drain")

RETURNS_PER_SECOND = 1_000
"""How many reconnecting clients the other servers take in a second without anyone noticing: a
quarter of what one process accepts."""

STEP_S = 0.05

SHARE_OF_DEADLINE = 0.8
"""The rest of the deadline is for Close frames to be answered."""


def window_s(clients: int, deadline_s: float) -> float:
    """How long ``clients`` may take to come back, so that they do not come at once."""
    return min(clients / RETURNS_PER_SECOND, deadline_s * SHARE_OF_DEADLINE)


async def drain(node: Node, shared: Shared, deadline_s: float) -> None:
    """Close every connection. Ends before ``deadline_s``; what is left then is aborted."""
    connections = list(shared.connections)
    window = window_s(len(connections), deadline_s)
    logger.info("draining", extra={"connections": len(connections), "window_s": round(window, 3)})
    node.announce_drain(connections, round(window, 3))
    try:
        async with asyncio.timeout(deadline_s):
            await _close_in_a_spread(connections, window)
            await shared.all_gone()
    except TimeoutError:
        logger.warning("drain overdue", extra={"aborted": shared.abort_all()})


async def _close_in_a_spread(connections: list[Client], window: float) -> None:
    steps = max(1, int(window / STEP_S))
    for step in range(steps):
        for connection in connections[step::steps]:
            connection.close(close_codes.DRAINING)
        if steps > 1:
            await asyncio.sleep(STEP_S)


class DrainSentinel:
    """Stands among a uvicorn server's connections, so that its shutdown runs our drain.

    uvicorn calls ``shutdown`` on each of its connections when it is asked to
    stop, and waits until they are gone.
    """

    def __init__(self, begin: Callable[[], asyncio.Task[None]]) -> None:
        self._begin = begin
        self._connections: set[Any] | None = None

    def stand_among(self, connections: set[Any]) -> None:
        if self._connections is not connections:
            self._connections = connections
            connections.add(self)

    def shutdown(self) -> None:
        self._begin().add_done_callback(self._step_aside)

    def _step_aside(self, _: asyncio.Task[None]) -> None:
        if self._connections is not None:
            self._connections.discard(self)
