"""The contract of every dialect."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

import msgspec
from msgspec import UNSET, Raw, UnsetType

from tidewire.errors import CommandRefused, ErrorCode
from tidewire.messages import AnyCommand, AppMessage, Event, Publication, Publish


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
    """The subprotocol that a client asks for it with."""

    is_binary: bool
    """Whether its messages are bytes in binary frames, instead of text."""

    def decode(self, message: Any, /) -> AnyCommand | AppMessage: ...

    def event(self, event: Event) -> bytes: ...

    def publications(self, entries: Iterable[Publication]) -> Iterator[bytes]: ...


def check_publish(command: Publish) -> None:
    """What the fields of a publish must agree on: every dialect asks this."""
    if command.key is None and (command.op is not None or command.ttl is not None):
        raise _malformed(command, "op and ttl are about a key")
    if command.data is UNSET and command.op is None:
        raise _malformed(command, "a publish has data")
    if command.encoding is not None and not _is_base64(command.data):
        raise _malformed(command, "data is not base64")


def _is_base64(data: Raw | UnsetType) -> bool:
    """Whether it is a JSON string that any reader can make bytes of."""
    if data is UNSET:
        return False
    try:
        b64decode(msgspec.json.decode(bytes(data), type=str), validate=True)
    except (msgspec.MsgspecError, ValueError):
        return False
    return True


def _malformed(command: Publish, message: str) -> Undecodable:
    return Undecodable("malformed", message, None if command.id is UNSET else command.id)
