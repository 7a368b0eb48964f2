"""A visitor: a client for the length of one HTTP request. It asks, is answered, and is gone.

To the node it is a peer like any other, so that the same permissions, rates and
hooks hold; it has no connection, and nothing is ever delivered to it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

from msgspec import UNSET

from tidewire.errors import CommandRefused
from tidewire.hub import Item
from tidewire.messages import AnyCommand, Event
from tidewire.node.peer import Peer
from tidewire.session import Session
from tidewire.websocket.close_codes import CloseCode


class NoWire:
    """Nothing is delivered to a visitor, and what it says is a command already."""

    is_binary = False

    def decode(self, message: object, /) -> AnyCommand:
        raise CommandRefused("malformed", "a visitor says nothing")

    def frames(self, items: Sequence[Item]) -> list[bytes]:
        return [b""] * len(items)


NO_WIRE = NoWire()


class Visitor:
    """Waits for the answer to its one command. Implements ``node.Peer``."""

    is_behind = False
    limited_ip: str | None = None

    def __init__(self, session: Session) -> None:
        self.session = session
        self.wire = NO_WIRE
        self.answer: asyncio.Future[Event] = asyncio.get_running_loop().create_future()
        self._command: asyncio.Task[None] | None = None

    def send(self, event: Event) -> None:
        if event.id is not UNSET and not self.answer.done():
            self.answer.set_result(event)

    def deliver(self, data: bytes) -> None:
        """It is in no channel."""

    async def drained(self) -> None:
        """Nothing is on its way."""

    def close(self, code: CloseCode, reason: str | None = None) -> None:
        """It is about to go anyway."""

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        self._command = asyncio.get_running_loop().create_task(work)

    def leave(self) -> None:
        """Its request has ended: what it waits for is not wanted any more."""
        if self._command is not None:
            self._command.cancel()


_: type[Peer] = Visitor
