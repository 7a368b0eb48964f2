"""A visitor: a client for the length of one HTTP request. It asks, is answered, and is gone.

To the node it is a peer like any other, so that the same permissions, rates and
hooks hold; it has no connection, and nothing is ever delivered to it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

from msgspec import UNSET

from tidewire.hub import Item
from tidewire.messages import AnyCommand, Event
from tidewire.node.peer import Peer
from tidewire.session import Session
from tidewire.websocket.close_codes import CloseCode

ONLY_ID = 0
"""Of the one command, so that it has an answer."""


class Said:
    """A wire on which one command has come in already."""

    def __init__(self, command: AnyCommand) -> None:
        self._command = command

    def decode(self, text: str) -> AnyCommand:
        return self._command

    def frames(self, items: Sequence[Item]) -> list[bytes]:
        return [b""] * len(items)


class Visitor:
    """Asks ``command``, and waits for its answer. Implements ``node.Peer``."""

    is_behind = False

    def __init__(self, session: Session, command: AnyCommand) -> None:
        self.session = session
        self.wire = Said(command)
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
