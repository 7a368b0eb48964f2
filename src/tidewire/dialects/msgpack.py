"""MessagePack, version 1: the native dialect's messages in binary frames.

A message is the same map of the same fields; what is JSON text inside (``data``)
becomes MessagePack values, and bytes are bytes. Inside the server data is JSON text, so
what comes in is checked to be sayable in it, and what goes out is made of what the
native dialect says: 1 us more for each message and way, out once for all who read it.

MessagePack can say what JSON cannot: extension types, keys that are no strings,
NaN and infinities, bytes anywhere. All are refused (catalogue 50, 52), but for
bytes as the whole ``data`` of a publish.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeAlias

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from tidewire.dialects.base import Undecodable, check_publish
from tidewire.dialects.native import MARGIN, NativeDialect, readable_id, reason_of, with_margin
from tidewire.messages import (
    NULL,
    AnyCommand,
    AppMessage,
    Call,
    Event,
    Excerpt,
    Publication,
    Publish,
    SignalCommand,
    State,
)

NOT_MESSAGEPACK = (msgspec.MsgspecError, RecursionError, UnicodeDecodeError)
"""How the decoder says no: to a mistake, to nesting too deep, to a text that is no UTF-8."""

LARGEST, SMALLEST = 2**64 - 1, -(2**63)
"""The integers that MessagePack has; a JSON publisher's others travel as the doubles they are."""

Message: TypeAlias = dict[str, Any]

CARRIERS = (SignalCommand, State, Call)
"""Commands whose ``data`` is whatever their sender says. So is a publish's, which may be bytes."""

BIN = (b"\xc4", b"\xc5", b"\xc6")
"""How bytes begin, by the length of their length."""


class MessagePackDialect:
    """The dialect of ``tidewire.v1.msgpack``. Stateless, safe to share."""

    name = "tidewire.v1.msgpack"
    is_binary = True

    def __init__(self, message_types: Sequence[type[Struct]] = ()) -> None:
        self._native = NativeDialect(message_types)
        self._own_types = frozenset(str(each.__struct_config__.tag) for each in message_types)
        self._command = msgspec.msgpack.Decoder(AnyCommand).decode
        self._unpack = msgspec.msgpack.Decoder().decode
        self._pack = msgspec.msgpack.Encoder().encode
        self._read = msgspec.json.Decoder().decode
        self._write = msgspec.json.Encoder().encode

    def decode(self, data: bytes) -> AnyCommand | AppMessage:
        try:
            command: AnyCommand = self._command(data)
        except NOT_MESSAGEPACK as error:
            return self._own_message(data, error)
        if isinstance(command, Publish):
            return self._publish(command)
        if isinstance(command, CARRIERS) and command.data is not NULL:
            text = self._as_json(bytes(command.data), command.id)
            return msgspec.structs.replace(command, data=Raw(text))
        return command

    def _publish(self, command: Publish) -> Publish:
        """With its data as JSON, and bytes as base64."""
        packed = b"" if command.data is UNSET else bytes(command.data)
        if packed[:1] in BIN:
            text = self._write(b64encode(self._unpack(packed)).decode())
            command = msgspec.structs.replace(command, data=Raw(text), encoding="base64")
        elif packed:
            data = Raw(self._as_json(packed, command.id))
            command = msgspec.structs.replace(command, data=data)
        check_publish(command)
        return command

    def _own_message(self, data: bytes, error: Exception) -> AppMessage | AnyCommand:
        """A message of the application's own; or say what was wrong, and find its ``id``."""
        try:
            value: Any = self._unpack(data)
        except NOT_MESSAGEPACK:
            raise Undecodable("malformed", "the message is not MessagePack") from None
        if type(value) is not dict:
            raise Undecodable("malformed", "a message is a map with a type")
        command_id = readable_id(value.get("id"))
        if value.get("type") not in self._own_types:
            raise Undecodable("malformed", reason_of(value, error), command_id)
        return self._native.decode(self._as_json(data, command_id).decode())

    def _as_json(self, packed: bytes, command_id: int | str | UnsetType | None) -> bytes:
        """The same value as JSON: whatever does not come back from JSON as it was is not JSON's.

        Looked at in C: 64 KiB of short maps take 5 ms, and a walk through them took 40.
        """
        try:
            value = self._unpack(packed)
            text = self._write(value)
            if self._is_said_by(text, value):
                return text
        except (*NOT_MESSAGEPACK, TypeError):
            pass
        known_id = None if command_id is UNSET else command_id
        raise Undecodable("malformed", "a value that JSON does not have", known_id)

    def _is_said_by(self, text: bytes, value: object) -> bool:
        nested = with_margin(text)
        said = self._read(nested)
        for _ in range(0 if nested is text else MARGIN):
            (said,) = said
        return bool(said == value)

    def event(self, event: Event) -> bytes:
        payload = self._native.event(event)
        if isinstance(event, Excerpt):
            return self._transcoded(payload, _with_bytes_in_messages)
        return self._transcoded(payload, _unchanged)

    def publications(self, entries: Iterable[Publication]) -> Iterator[bytes]:
        for payload in self._native.publications(entries):
            yield self._transcoded(payload, _with_bytes)

    def _transcoded(self, payload: bytes, restore: Callable[[Message], Message]) -> bytes:
        try:
            return self._pack(restore(self._read(payload)))
        except OverflowError:
            return self._pack(restore(json.loads(payload, parse_int=_integer)))


def _with_bytes(message: Message) -> Message:
    """What was published as bytes is bytes again."""
    if message.get("encoding") == "base64":
        try:
            message["data"] = b64decode(message["data"], validate=True)
        except (ValueError, TypeError):
            return message  # its application says so and it is not: it is shown what it wrote
        del message["encoding"]
    return message


def _with_bytes_in_messages(excerpt: Message) -> Message:
    for message in excerpt["messages"]:
        _with_bytes(message)
    return excerpt


def _unchanged(message: Message) -> Message:
    return message


def _integer(digits: str) -> int | float:
    """An integer that MessagePack does not have is the double it fits."""
    value = int(digits)
    return value if SMALLEST <= value <= LARGEST else float(value)
