"""Tidewire's own JSON, version 1: one object with a ``type`` per text frame.

``spec/protocol.md`` is its specification and ``spec/vectors/native.json`` its
test. Numbers, nesting and escapes are checked by msgspec's strict decoder in
the same pass that types the command (0.2 us for a chat message); a payload is
skipped over, which checks its syntax, and handed on as it came.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from json.encoder import encode_basestring
from math import isinf
from typing import Any, Union, get_args

import msgspec
from msgspec import UNSET, Struct, UnsetType

from tidewire.dialects.base import Undecodable, check_publish
from tidewire.messages import (
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

VERSION = 1

MAX_DIGITS = 308
"""An integer of more digits does not fit a double; one of 309 may not."""

NOT_JSON = (msgspec.MsgspecError, RecursionError, UnicodeEncodeError)
"""How the decoder says no: to a mistake, to nesting too deep, to a text that is no UTF-8."""

_ZEROS = b"0" * (MAX_DIGITS + 1)
_DIGITS_AS_ZEROS = bytes.maketrans(b"123456789", b"0" * 9)


MARGIN = 16
"""Levels that data must leave: it is read again inside of what carries it, deeper in a call."""

SHALLOW = 100
"""Data with so few brackets cannot come near the limit; counting them takes 0.05 us."""

_quoted = encode_basestring
"""A string as JSON, in C where Python has it; 0.1 us."""


class NativeDialect:
    """The dialect of ``tidewire.v1``. Stateless, safe to share.

    ``message_types`` are an application's own commands: frozen or not, tagged by
    ``type`` with a name that is not reserved.
    """

    name = "tidewire.v1"
    is_binary = False

    def __init__(self, message_types: Sequence[type[Struct]] = ()) -> None:
        kinds = (*get_args(AnyCommand), *message_types)
        self._decode = msgspec.json.Decoder(Union[kinds]).decode  # noqa: UP007 - made here
        self._encode = msgspec.json.Encoder().encode
        self._finish: dict[type, Callable[[Any, str], AnyCommand | AppMessage]] = {
            Publish: _checked_publish,
            SignalCommand: _checked,
            State: _checked,
            Call: _checked,
            **dict.fromkeys(message_types, _app_message),
        }

    def decode(self, text: str) -> AnyCommand | AppMessage:
        try:
            command: AnyCommand = self._decode(text)
        except NOT_JSON as error:
            raise _explain(text, error) from None
        finish = self._finish.get(type(command))
        return command if finish is None else finish(command, text)

    def event(self, event: Event) -> bytes:
        if isinstance(event, Excerpt):
            return self._excerpt(event)
        return self._encode(event)

    def publications(self, entries: Iterable[Publication]) -> Iterator[bytes]:
        """Each publication's JSON: data under ``data``, or beside the envelope for other kinds.

        Written out rather than encoded, since the data is JSON text already and
        names and tags need no escapes; and in one loop, since a batch shares its
        channel, its kind and mostly its millisecond: 0.4 us each, where a call for
        each took 0.8 and an encoder with a splice 1.2.
        """
        channel = kind = opening = stamp = ""
        timestamp = -1
        for entry in entries:
            if entry.kind != kind or entry.channel != channel:
                kind, channel = entry.kind, entry.channel
                opening = f'{{"type":"{kind}","channel":"{channel}","seq":'
            if entry.timestamp != timestamp:
                timestamp = entry.timestamp
                stamp = f'","timestamp":{timestamp}'
            is_plain = entry.once is None and entry.key is None and entry.ref is None
            if is_plain and entry.tags is None and entry.encoding is None and entry.user_id:
                rest = f',"from":{_quoted(entry.user_id)}'
            else:
                rest = _rest(entry)
            data = f',"data":{entry.data}}}' if kind == "message" else f",{entry.data[1:]}"
            if data == ",}":  # a kind without fields
                data = "}"
            yield f'{opening}{entry.seq},"tag":"{entry.tag}{stamp}{rest}{data}'.encode()

    def _excerpt(self, event: Excerpt) -> bytes:
        head = self._encode(msgspec.structs.replace(event, messages=()))
        entries = b",".join(self.publications(event.messages))
        return head[:-1] + b',"messages":[' + entries + b"]}"


def _rest(entry: Publication) -> str:
    """What most publications do not have, and ``from`` where a user published."""
    parts = [
        f',"from":{_quoted(entry.user_id)}' if entry.user_id else "",
        "" if entry.once is None else f',"once":{_quoted(entry.once)}',
        "" if entry.key is None else f',"key":{_quoted(entry.key)}',
        "" if entry.ref is None else f',"ref":{entry.ref}',
        "" if entry.op is None else f',"op":"{entry.op}"',
        "" if entry.tags is None else f',"tags":{_text_of(entry.tags)}',
        "" if entry.expires_at is None else f',"expiresAt":{entry.expires_at}',
        "" if entry.encoding is None else f',"encoding":"{entry.encoding}"',
    ]
    return "".join(parts)


def _checked_publish(command: Publish, text: str) -> Publish:
    data, is_rare = command.data, command.op or command.ttl or command.encoding
    if is_rare or data is UNSET:
        check_publish(command)
    if data is not UNSET and not has_doubles(bytes(data)):
        raise _out_of_range(command.id)
    return command


def _checked(command: SignalCommand | State | Call, text: str) -> SignalCommand | State | Call:
    if not has_doubles(bytes(command.data)):
        raise _out_of_range(command.id)
    return command


def _app_message(message: Struct, text: str) -> AppMessage:
    command_id: int | str | UnsetType = getattr(message, "id", UNSET)
    if not has_doubles(text.encode()):  # it may keep some of it as it came
        raise _out_of_range(command_id)
    return AppMessage(message, command_id)


def has_doubles(data: bytes) -> bool:
    """Whether every number fits a double: others would be Infinity in a browser (catalogue 50).

    Decoding for nothing costs 0.3 us for 70 bytes and 0.6 for 1,000; a pattern that
    looks for such numbers took 1.8 and 24.
    """
    try:
        _decode_any(data if len(data) <= SHALLOW else with_margin(data))
        if len(data) > MAX_DIGITS and _ZEROS in data.translate(_DIGITS_AS_ZEROS):
            json.loads(data, parse_int=lambda digits: float(int(digits)))
    except (msgspec.MsgspecError, RecursionError, OverflowError):
        return False
    return True


def with_margin(data: bytes) -> bytes:
    """The same, nested as deep as whoever reads it again may have to."""
    if data.count(b"[") + data.count(b"{") <= SHALLOW:
        return data
    return b"[" * MARGIN + data + b"]" * MARGIN


def _text_of(tags: dict[str, str]) -> str:
    return msgspec.json.encode(tags).decode()


def _out_of_range(command_id: int | str | UnsetType) -> Undecodable:
    return Undecodable(
        "malformed", "a number in data is out of range", None if command_id is UNSET else command_id
    )


def _finite(number: str) -> float:
    """A number with a fraction or exponent, as Python reads it.

    msgspec's own way takes 14 us for 1e300 where this takes 0.5: 64 KiB of them held
    everybody up for a sixth of a second.
    """
    value = float(number)
    if isinf(value):
        raise OverflowError
    return value


_decode_any = msgspec.json.Decoder(float_hook=_finite).decode


def _explain(text: str, error: Exception) -> Undecodable:
    """Say what was wrong, and find the ``id`` to answer to. Off the hot path: parses again."""
    try:
        value: Any = _decode_any(text)
    except RecursionError:
        return Undecodable("malformed", "the message is nested too deeply")
    except (*NOT_JSON, OverflowError):
        return Undecodable("malformed", "the message is not JSON")
    if not isinstance(value, dict):
        return Undecodable("malformed", "a message is a JSON object with a type")
    return Undecodable("malformed", reason_of(value, error), readable_id(value.get("id")))


def reason_of(value: dict[str, Any], error: Exception) -> str:
    """Why ``value`` is no command, in words for whoever writes clients."""
    kind = value.get("type")
    if not isinstance(kind, str):
        return "the message has no type"
    if "at `$.type`" in str(error):
        return f"unknown type {kind[:64]!r}"
    return str(error)[:200]


def readable_id(value: object) -> int | str | None:
    """``value``, if it may be the ``id`` of a command."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int) and 0 <= value < 2**53:
        return value
    return value if isinstance(value, str) and len(value) <= 64 else None
