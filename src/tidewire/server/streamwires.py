"""Wires of event streams: the native dialect in blocks whose ids say where a stream stands.

An id may claim only what has been written to the stream that reads it. Streams
of the same channels that have been written exactly the same share one wire, and
so its bytes; every other one has its own:

- a stream begins on its own, while it subscribes and recovers;
- it moves to the common one as soon as both stand at the same places;
- it leaves with a copy when it falls behind, since it may then be left things out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol, TypeAlias

import msgspec

from tidewire.dialects.base import Dialect
from tidewire.dialects.eventstream import block, find_last_id, last_id, read_id
from tidewire.hub import Hub, Item, Room
from tidewire.messages import Event, Excerpt, Lost, Position, Publication, Skipped, Subscribed
from tidewire.node.peer import Peer

MAX_SHARING = 1_024
"""Streams on one wire: as many as the hub writes to in one go. A batch that went out in chunks
would be claimed by the ids of another channel before every stream had it."""

NAMES = {"error": "refused"}
"""What a browser calls otherwise: an ``EventSource`` fires an ``error`` of its own."""

Places: TypeAlias = dict[str, Position | None]
"""Where a stream stands, by channel; None where it does not follow it yet."""


class StreamWire:
    """How messages look on the streams of one list of channels.

    The common one notes what it makes as written, since all its streams are handed
    it at once. An own one is told (``wrote``), for its stream may be passed over.
    """

    is_binary = False
    __slots__ = ("_dialect", "_is_amid_pages", "decode", "is_common", "places", "streams")

    def __init__(self, dialect: Dialect, places: Places) -> None:
        self.places = places
        self.streams = 1
        self.is_common = False
        self._is_amid_pages = False  # of the answer for one channel
        self.decode = dialect.decode
        self._dialect = dialect

    def copy(self) -> StreamWire:
        return StreamWire(self._dialect, dict(self.places))

    @property
    def channels(self) -> tuple[str, ...]:
        return tuple(self.places)

    def frames(self, items: Sequence[Item]) -> list[bytes]:
        places = self.places if self.is_common else dict(self.places)
        return [
            self._entry(item, places) if isinstance(item, Publication) else self._told(item, places)
            for item in items
        ]

    def event(self, event: Event) -> bytes:
        return self._told(event, dict(self.places))

    def wrote(self, data: bytes) -> None:
        """``data`` is on its way to the one stream of this wire."""
        if (found := find_last_id(data)) is not None:
            self.places = dict(zip(self.places, read_id(found, len(self.places)), strict=True))

    def _entry(self, entry: Publication, places: Places) -> bytes:
        (payload,) = self._dialect.publications([entry])
        return block(payload, last_id=_reach(places, entry.channel, entry.seq, entry.tag))

    def _told(self, event: Event, places: Places) -> bytes:
        if isinstance(event, Subscribed):
            return b"".join(self._subscribed(event, places))
        if isinstance(event, Lost):
            return self._named(event, _stand(places, event))
        if isinstance(event, Skipped):
            return self._named(event, _reach(places, event.channel, event.last, ""))
        return self._named(event)

    def _subscribed(self, event: Subscribed, places: Places) -> Iterator[bytes]:
        """Its messages as events of their own, then itself without them.

        What was missed is claimed entry by entry. A snapshot is claimed as a whole at
        its end: a cut within it must bring all of it again.
        """
        if event.recovery == "gap" and not self._is_amid_pages:
            yield self._named(_gap(event))
        is_claimed = event.recovery == "complete" and not event.snapshot
        payloads = self._dialect.publications(event.messages)
        for entry, payload in zip(event.messages, payloads, strict=True):
            if is_claimed and entry.channel in places:
                places[entry.channel] = Position(event.epoch, entry.seq, entry.tag)
            yield block(payload, last_id=last_id(places.values()) if is_claimed else None)
        self._is_amid_pages = event.more
        if not event.more:
            said = msgspec.structs.replace(event, messages=())
            yield self._named(said, _stand(places, said))

    def _named(self, event: Event, event_id: str | None = None) -> bytes:
        tag = str(event.__struct_config__.tag)
        return block(self._dialect.event(event), event=NAMES.get(tag, tag), last_id=event_id)


def _reach(places: Places, channel: str, seq: int, tag: str) -> str | None:
    """The id of what comes next; None for what its stream is beyond, or does not follow."""
    before = places.get(channel)
    if before is None or seq <= before.seq:
        return None
    places[channel] = Position(before.epoch, seq, tag)
    return last_id(places.values())


def _stand(places: Places, event: Excerpt | Lost) -> str:
    """The id of what says by itself where the stream stands in a channel now."""
    if event.channel in places:  # not so where the server has subscribed it to one more
        places[event.channel] = Position(event.epoch, event.seq, event.tag)
    return last_id(places.values())


def _gap(event: Subscribed) -> Lost:
    return Lost(channel=event.channel, epoch=event.epoch, seq=event.seq, tag=event.tag)


class Sharing(Peer, Protocol):
    """A stream, as far as its wire goes."""

    wire: StreamWire


class StreamWires:
    """The common wire of each list of channels, and who is on it."""

    def __init__(self, dialect: Dialect, hub: Hub) -> None:
        self._dialect = dialect
        self._hub = hub
        self._common: dict[tuple[str, ...], StreamWire] = {}

    def __len__(self) -> int:
        return len(self._common)

    def begin(self, places: Mapping[str, Position | None]) -> StreamWire:
        """A wire for a stream that says it stands at ``places``."""
        return StreamWire(self._dialect, dict(places))

    def share(self, stream: Sharing) -> None:
        """Put ``stream`` on the common wire, if it has been written what all there have been."""
        own = stream.wire
        if own.is_common or self._is_apart(stream):
            return
        common = self._common.get(own.channels)
        if common is None or common.streams >= MAX_SHARING:
            own.is_common = True
            self._common[own.channels] = own
        elif common.places == own.places:
            common.streams += 1
            self._move(stream, common)

    def part(self, stream: Sharing) -> None:
        """Write to ``stream`` apart from now on: others may hear what it does not."""
        if stream.wire.is_common:
            own = stream.wire.copy()
            self.end(stream)
            self._move(stream, own)

    def end(self, stream: Sharing) -> None:
        """``stream`` needs its wire no more."""
        wire = stream.wire
        wire.streams -= 1
        if wire.streams == 0 and self._common.get(wire.channels) is wire:
            del self._common[wire.channels]

    def _is_apart(self, stream: Sharing) -> bool:
        """Whether it is not owed just the next batch: it joined amid it, or is catching up."""
        return any(room.is_apart(stream) for room in self._rooms(stream))

    def _move(self, stream: Sharing, wire: StreamWire) -> None:
        for room in self._rooms(stream):
            room.rewire(stream, wire)
        stream.wire = wire

    def _rooms(self, stream: Sharing) -> list[Room]:
        rooms = map(self._hub.room, stream.session.subscriptions)
        return [room for room in rooms if room is not None]
