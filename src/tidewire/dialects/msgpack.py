"""MessagePack, version 1: the native dialect's messages in binary frames.

A message is the same map of the same fields; what is JSON text inside (``data``)
becomes MessagePack values, and bytes are bytes. Everything goes through the
native dialect, so that there is one set of rules: a message costs about 2 us more
each way than as JSON text, on the way out once for all who speak it.

MessagePack can say what JSON cannot: extension types, keys that are no strings,
NaN and infinities, bytes anywhere. All are refused (catalogue 50, 52), but for
bytes as the whole ``data`` of a publish.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Iterator, Sequence
from math import isfinite
from types import NoneType
from typing import Any, TypeAlias

import msgspec
from msgspec import Struct

from tidewire.dialects.base import Undecodable
from tidewire.dialects.native import NativeDialect, readable_id
from tidewire.messages import AnyCommand, AppMessage, Event, Excerpt, Publication

NOT_MESSAGEPACK = (msgspec.MsgspecError, RecursionError, UnicodeDecodeError)
"""How the decoder says no: to a mistake, to nesting too deep, to a text that is no UTF-8."""

LARGEST, SMALLEST = 2**64 - 1, -(2**63)
"""The integers that MessagePack has; a JSON publisher's others travel as the doubles they are."""

MAP_16, MAP_32 = 0xDE, 0xDF
"""How a map begins whose size stands in the next two or four bytes; a smaller one's is in its own
first byte."""

Message: TypeAlias = dict[str, Any]

_PLAIN = {str, int, bool, NoneType}
_CONTAINERS = {dict, list}
_JSON = _PLAIN | _CONTAINERS | {float}


class MessagePackDialect:
    """The dialect of ``tidewire.v1.msgpack``. Stateless, safe to share."""

    name = "tidewire.v1.msgpack"
    is_binary = True

    def __init__(self, message_types: Sequence[type[Struct]] = ()) -> None:
        self._native = NativeDialect(message_types)
        self._unpack = msgspec.msgpack.Decoder().decode
        self._pack = msgspec.msgpack.Encoder().encode
        self._read = msgspec.json.Decoder().decode
        self._write = msgspec.json.Encoder().encode

    def decode(self, data: bytes) -> AnyCommand | AppMessage:
        try:
            value: Any = self._unpack(data)
        except NOT_MESSAGEPACK:
            raise Undecodable("malformed", "the message is not MessagePack") from None
        if type(value) is not dict:
            raise Undecodable("malformed", "a message is a map with a type")
        command_id = readable_id(value.get("id"))
        if len(value) != _announced(data):
            raise Undecodable("malformed", "a field is there twice", command_id)
        if type(value.get("data")) is bytes and value.get("type") == "publish":
            value |= {"data": b64encode(value["data"]).decode(), "encoding": "base64"}
        if not _is_json(value):
            raise Undecodable("malformed", "a value that JSON does not have", command_id)
        return self._native.decode(self._write(value).decode())

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


def _announced(data: bytes) -> int:
    """How many entries the map that ``data`` begins with has, repeated ones counted."""
    first = data[0]
    if first == MAP_16:
        return int.from_bytes(data[1:3], "big")
    if first == MAP_32:
        return int.from_bytes(data[1:5], "big")
    return first & 0x0F


def _is_json(message: dict[Any, Any]) -> bool:
    """Whether JSON can say it. A container at a time: most hold only what is plain."""
    waiting: list[Any] = [message]
    while waiting:
        container = waiting.pop()
        items = container
        if type(container) is dict:
            if not {*map(type, container)} <= {str}:
                return False
            items = container.values()
        kinds = {*map(type, items)}
        if kinds <= _PLAIN:
            continue
        if not kinds <= _JSON or not all(isfinite(each) for each in items if type(each) is float):
            return False
        waiting += [each for each in items if type(each) in _CONTAINERS]
    return True


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
