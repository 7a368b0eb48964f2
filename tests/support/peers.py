"""A client as the node and the hub see it, and the wire it is told things on."""

from __future__ import annotations

import json
from collections.abc import Coroutine, Sequence
from typing import Any

from msgspec import Struct

from tests.support.loops import Gate, Stepper
from tidewire.dialects.native import NativeDialect
from tidewire.hub import Item
from tidewire.messages import Event, Publication
from tidewire.node.peer import Peer
from tidewire.session import Session
from tidewire.websocket.close_codes import CloseCode


class LineWire:
    """The native dialect, one message a line; counts what it encodes."""

    is_binary = False

    def __init__(self, message_types: Sequence[type[Struct]] = ()) -> None:
        self._dialect = NativeDialect(message_types)
        self.decode = self._dialect.decode
        self.encoded = 0

    def frames(self, items: Sequence[Item]) -> list[bytes]:
        return [
            self._publication(item) if isinstance(item, Publication) else self.event(item)
            for item in items
        ]

    def _publication(self, publication: Publication) -> bytes:
        self.encoded += 1
        return next(self._dialect.publications([publication])) + b"\n"

    def event(self, event: Event) -> bytes:
        self.encoded += 1
        return self._dialect.event(event) + b"\n"


class FakePeer:
    """Keeps everything it is told, in order, as the JSON a client would read."""

    def __init__(self, session: Session, wire: LineWire) -> None:
        self.session = session
        self.wire = wire
        self.messages: list[dict[str, Any]] = []
        self.blocks = 0
        self.closed: CloseCode | None = None
        self.close_reason = ""
        self.command: Stepper | None = None
        self.reads_slowly = False
        self.is_behind = False
        self.limited_ip: str | None = "192.0.2.1"
        self._unread = 0
        self._room_to_write = Gate()

    # -- what the node asks of it --------------------------------------------------------------

    def send(self, event: Event) -> None:
        self._take(self.wire.event(event))

    def deliver(self, data: bytes) -> None:
        self.blocks += 1
        self._take(data)

    async def drained(self) -> None:
        if self.reads_slowly and self._unread:
            self._room_to_write = Gate()
            await self._room_to_write

    def close(self, code: CloseCode, reason: str | None = None) -> None:
        self.closed = code
        self.close_reason = reason or code.reason

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        assert self.command is None, "a client's next command is read after this one has ended"
        self.command = Stepper(work)

    # -- what a test asks of it ----------------------------------------------------------------

    def step(self) -> None:
        """Let its command go on until it waits again."""
        if self.command is not None:
            self.command.step()
            if self.command.is_done:
                self.command = None

    def cancel(self) -> None:
        """Stop its command where it waits, as a lost connection does."""
        command, self.command = self.command, None
        if command is not None:
            command.cancel()

    def catch_up(self) -> None:
        """Read what was sent: there is room to write again."""
        self._unread = 0
        self._room_to_write.open()

    def take(self) -> list[dict[str, Any]]:
        """Everything since the last call."""
        messages, self.messages = self.messages, []
        return messages

    def answer(self) -> dict[str, Any]:
        """The one message since the last call."""
        (message,) = self.take()
        return message

    def _take(self, data: bytes) -> None:
        self._unread += self.reads_slowly
        self.messages.extend(json.loads(line) for line in data.splitlines())


_: type[Peer] = FakePeer
