"""Reading: a server's message, from JSON or MessagePack text to what it means. Pure.

A message of a type that is not known here, or that is no message, is None: this is
how the protocol grows. An entry's data stays as it came until somebody reads it.
"""

from __future__ import annotations

from base64 import b64decode
from typing import Any, Generic, Literal, TypeAlias, TypeVar, Union

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType, field

from tidewire import messages
from tidewire.client.events import Entry, How
from tidewire.messages import ENVELOPE_FIELDS, Op, Position, Recovery

T = TypeVar("T")

Format: TypeAlias = Literal["json", "msgpack"]


class Envelope(Struct, frozen=True, rename="camel"):
    """What every entry carries, whatever its type."""

    type: str
    channel: str
    seq: int
    tag: str
    timestamp: int
    sender: str | None = field(default=None, name="from")
    once: str | None = None
    key: str | None = None
    ref: int | None = None
    op: Op | None = None
    tags: dict[str, str] | None = None
    expires_at: int | None = None
    encoding: str | None = None
    data: Raw | UnsetType = UNSET


class Arrived(Struct, frozen=True):
    """An entry as it came; ``text`` is the whole message, for the fields of its own type."""

    envelope: Envelope
    text: bytes

    @property
    def first(self) -> int:
        """An entry takes one place; so it has the ends of a stretch."""
        return self.envelope.seq

    last = first


class Page(Struct, frozen=True):
    """``subscribed`` or ``history``: entries, and the position after them."""

    channel: str
    position: Position
    recovery: Recovery
    entries: tuple[Arrived, ...] = ()
    more: bool = False
    snapshot: bool = False
    grant: str | None = None
    id: int | str | None = None


Incoming: TypeAlias = messages.Event | Arrived | Page

_KNOWN: dict[str, type[messages.Event]] = {
    "connected": messages.Connected,
    "user_joined": messages.UserJoined,
    "user_left": messages.UserLeft,
    "occupancy": messages.Occupancy,
    "state": messages.StateChanged,
    "signal": messages.Signalled,
    "skipped": messages.Skipped,
    "gap": messages.Lost,
    "result": messages.Result,
    "pong": messages.Pong,
    "published": messages.Published,
    "unsubscribed": messages.Unsubscribed,
    "presence": messages.PresenceList,
    "refreshed": messages.Refreshed,
    "draining": messages.Draining,
    "error": messages.Failure,
}


class _Head(Struct):
    type: str
    seq: int | None = None
    timestamp: int | None = None
    channels: Raw | UnsetType = UNSET


class _Excerpt(Struct):
    channel: str
    epoch: str
    seq: int
    tag: str
    recovery: Recovery
    messages: tuple[Raw, ...] = ()
    more: bool | None = None
    snapshot: bool | None = None
    grant: str | None = None
    id: int | str | None = None


class Reader:
    """Reads one format. Stateless, safe to share."""

    def __init__(self, format_name: Format = "json") -> None:
        codec: Any = getattr(msgspec, format_name)
        self._codec = codec
        self._head = codec.Decoder(_Head).decode
        self._envelope = codec.Decoder(Envelope).decode
        self._excerpt = codec.Decoder(_Excerpt).decode
        self._several = codec.Decoder(messages.SubscribedAll).decode
        self._known = {name: codec.Decoder(kind).decode for name, kind in _KNOWN.items()}

    def read(self, text: str | bytes) -> Incoming | None:
        """What ``text`` says; None for what is not of this protocol's version."""
        try:
            return self._read(text)
        except (msgspec.MsgspecError, RecursionError, UnicodeError):
            return None

    def _read(self, text: str | bytes) -> Incoming | None:
        head = self._head(text)
        known = self._known.get(head.type)
        if known is not None:
            event: messages.Event = known(text)
            return event
        if head.type in ("subscribed", "history"):
            if head.channels is UNSET:
                return self._page(text)
            several: messages.SubscribedAll = self._several(text)
            return several
        is_entry = head.seq is not None and head.timestamp is not None
        return self._entry(text) if is_entry else None

    def _entry(self, text: str | bytes) -> Arrived:
        envelope: Envelope = self._envelope(text)
        return Arrived(envelope, text.encode() if isinstance(text, str) else text)

    def _page(self, text: str | bytes) -> Page:
        told: _Excerpt = self._excerpt(text)
        return Page(
            told.channel,
            Position(told.epoch, told.seq, told.tag),
            told.recovery,
            tuple(self._entry(bytes(each)) for each in told.messages),
            more=bool(told.more),
            snapshot=bool(told.snapshot),
            grant=told.grant,
            id=told.id,
        )

    def value(self, raw: Raw) -> Any:
        """A payload as plain Python."""
        return self._codec.decode(bytes(raw))


class DataReader(Generic[T]):
    """Reads entries' data: as one of ``types``, or as plain Python where there are none."""

    def __init__(self, types: tuple[type[T], ...] = (), format_name: Format = "json") -> None:
        kind: Any = Union[types] if types else Any  # noqa: UP007 (known only now)
        codec: Any = getattr(msgspec, format_name)
        self._is_typed = bool(types)
        self._typed = codec.Decoder(kind).decode
        self._plain = codec.decode

    def entry(self, arrived: Arrived, epoch: str, how: How) -> Entry[T]:
        """Raises ``msgspec.ValidationError`` where the data is of no given type."""
        told = arrived.envelope
        return Entry(
            channel=told.channel,
            position=Position(epoch, told.seq, told.tag),
            timestamp=told.timestamp,
            user_id=told.sender or "",
            type=told.type,
            data=self._data(told, arrived.text),
            how=how,
            once=told.once,
            key=told.key,
            ref=told.ref,
            op=told.op,
            tags=told.tags,
            expires_at=told.expires_at,
        )

    def _data(self, told: Envelope, text: bytes) -> Any:
        if told.type != "message":
            return self._fields(text)
        if told.data is UNSET:
            return None
        data = bytes(told.data)
        if told.op == "remove":  # says which key is gone; its data is of no type
            return self._plain(data)
        if told.encoding == "base64":
            return b64decode(self._plain(data))
        return self._typed(data)

    def _fields(self, text: bytes) -> Any:
        """What a kind of its own says beside the envelope."""
        if self._is_typed:
            return self._typed(text)
        fields: dict[str, Any] = self._plain(text)
        return {name: value for name, value in fields.items() if name not in ENVELOPE_FIELDS}
