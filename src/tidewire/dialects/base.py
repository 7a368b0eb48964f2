"""The contract of every dialect."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from tidewire.errors import CommandRefused, ErrorCode
from tidewire.messages import AnyCommand, Event, Publication


class Undecodable(CommandRefused):
    """What arrived is no command; ``id`` is the command's own, where one could be read."""

    def __init__(self, code: ErrorCode, message: str, command_id: int | str | None = None) -> None:
        super().__init__(code, message)
        self.id = command_id


class Dialect(Protocol):
    """Bytes to commands and events to bytes, without state: one instance serves every client.

    - ``decode`` raises ``Undecodable`` and nothing else, whatever it is given;
    - what it lets through is well-formed all the way down, so that payloads may
      be handed on unparsed without breaking anybody else's parser;
    - the bytes of one event are the same for every client, so they are made once.
    """

    name: str

    def decode(self, text: str) -> AnyCommand: ...

    def event(self, event: Event) -> bytes: ...

    def publications(self, entries: Iterable[Publication]) -> Iterator[bytes]: ...
