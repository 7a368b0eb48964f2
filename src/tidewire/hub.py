"""Hub: this process's channels and who is subscribed to each, and the fan-out.

No await, no clock, no I/O: it is told what to send and to whom, makes the bytes
once for each kind of wire, and hands them to its members. A member's ``deliver``
must not raise.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Protocol, TypeAlias

from tidewire.counters import Counters
from tidewire.messages import ENVELOPE_BYTES, AnyCommand, Event, Position, Publication

logger = logging.getLogger("tidewire.hub")

CHUNK_MEMBERS = 128
MAX_MEMBERS_IN_ONE_GO = 1_024
"""Above this a fan-out yields to the loop after every chunk: 9,000 members in one go held
everybody's pings for 77 ms. In chunks of 512 half of them took over 5 ms, in chunks of 128 one in
a hundred takes over 3.4. A turn of the loop costs 10 us: smaller chunks would cost over 2 %."""

MAX_HELD_BYTES = 1024 * 1024
"""Kept for one client while its recovery is read: as much as its own queue may hold. Beyond it
the recovery is a gap."""

Item: TypeAlias = Publication | Event


class Wire(Protocol):
    """One way messages look on a connection: dialect, framing, compression. Shared, stateless."""

    def frames(self, items: Sequence[Item]) -> list[bytes]:
        """The bytes of each item: one call for a batch, because it is the hot end of a fan-out."""
        ...

    def decode(self, text: str) -> AnyCommand:
        """Raises ``CommandRefused`` where ``text`` is no command."""
        ...


class Member(Protocol):
    """Whoever receives a channel's messages."""

    @property
    def wire(self) -> Wire: ...

    def deliver(self, data: bytes) -> None:
        """Write now, behind what is queued for this tick. Never raises."""


class Held:
    """What came for one member while it was reading the past."""

    __slots__ = ("bytes", "entries")

    def __init__(self) -> None:
        self.entries: list[Publication] = []
        self.bytes = 0

    def add(self, entries: Sequence[Publication]) -> None:
        if not self.overflowed:
            self.entries.extend(entries)
            self.bytes += sum(ENVELOPE_BYTES + len(entry.data) for entry in entries)

    @property
    def overflowed(self) -> bool:
        return self.bytes > MAX_HELD_BYTES


class Room:
    """One channel, seen from this process."""

    __slots__ = ("flushing", "groups", "held", "late", "name", "newcomers", "pending", "position")

    def __init__(self, name: str, position: Position) -> None:
        self.name = name
        self.position = position
        self.groups: dict[Wire, dict[Member, None]] = {}
        self.pending: list[Item] = []
        self.late: dict[Member, int] = {}  # joined with a batch pending: takes it from here on
        self.held: dict[Member, Held] = {}
        self.flushing = 0  # groups whose last batch is still going out in chunks
        self.newcomers: set[Member] = set()  # joined meanwhile: that batch is not theirs

    def __len__(self) -> int:
        return sum(map(len, self.groups.values()))

    @property
    def is_empty(self) -> bool:
        return not self.groups and not self.held

    def has(self, member: Member) -> bool:
        group = self.groups.get(member.wire)
        return group is not None and member in group


class Hub:
    """Rooms by channel name, and the batch each of them has collected in this tick."""

    def __init__(
        self,
        call_soon: Callable[..., object],
        request_tick: Callable[[], None],
        counters: Counters,
    ) -> None:
        self._call_soon = call_soon
        self._request_tick = request_tick
        self._counters = counters
        self._rooms: dict[str, Room] = {}
        self._dirty: dict[Room, None] = {}

    def __len__(self) -> int:
        return len(self._rooms)

    # -- rooms ---------------------------------------------------------------------------------

    def room(self, channel: str) -> Room | None:
        return self._rooms.get(channel)

    def open(self, channel: str, position: Position) -> Room:
        """The channel's room, made if need be; ``position`` is the engine's head at opening."""
        room = self._rooms.get(channel)
        if room is None:
            room = self._rooms[channel] = Room(channel, position)
        return room

    def close(self, room: Room) -> None:
        self._rooms.pop(room.name, None)
        self._dirty.pop(room, None)

    # -- members -------------------------------------------------------------------------------

    def join(self, room: Room, member: Member) -> Position:
        """Everything after the position this answers reaches ``member``, and nothing before."""
        room.groups.setdefault(member.wire, {})[member] = None
        if room.pending:
            room.late[member] = len(room.pending)
        if room.flushing:
            room.newcomers.add(member)
        return room.position

    def leave(self, room: Room, member: Member) -> None:
        group = room.groups.get(member.wire)
        if group is not None:
            group.pop(member, None)
            if not group:
                del room.groups[member.wire]
        room.late.pop(member, None)
        room.held.pop(member, None)

    def hold(self, room: Room, member: Member) -> None:
        """Keep what comes from now on for ``member``, until ``go_live``: it is reading the past."""
        room.held[member] = Held()

    def go_live(self, room: Room, member: Member, after: int) -> list[Publication] | None:
        """Join, and take what was held past ``after``; None where too much came meanwhile."""
        held = room.held.pop(member, None)
        self.join(room, member)
        if held is None or held.overflowed:
            return None
        return [entry for entry in held.entries if entry.seq > after]

    # -- fan-out -------------------------------------------------------------------------------

    def publish(self, room: Room, entries: Sequence[Publication]) -> None:
        """Collect the channel's next entries for this tick."""
        last = entries[-1]
        room.position = Position(room.position.epoch, last.seq, last.tag)
        for held in room.held.values():
            held.add(entries)
        self._collect(room, entries)

    def announce(self, room: Room, event: Event) -> None:
        """Collect an event that is not an entry: no ``seq``, never in history."""
        self._collect(room, (event,))

    def _collect(self, room: Room, items: Sequence[Item]) -> None:
        if room.groups:
            room.pending.extend(items)
            self._dirty[room] = None
            self._request_tick()

    @property
    def has_work(self) -> bool:
        return bool(self._dirty)

    def flush(self) -> None:
        """The tick's end: one block of bytes for each kind of wire, to every member."""
        dirty, self._dirty = self._dirty, {}
        for room in dirty:
            if not room.flushing:  # else its last batch is still going out, and asks for this one
                self._flush_safely(room)

    def _flush_safely(self, room: Room) -> None:
        """One room's failure is a bug of ours; it must not cost the others their batch."""
        try:
            self._flush(room)
        except Exception:
            logger.exception("a batch was not delivered", extra={"channel": room.name})

    def _flush(self, room: Room) -> None:
        items, room.pending = room.pending, []
        late, room.late = room.late, {}
        self._counters.delivered += len(items) * len(room)
        for wire, group in list(room.groups.items()):
            frames = wire.frames(items)
            if late:
                _deliver_late(group, late, frames)
            members = [each for each in group if each not in late] if late else list(group)
            block = b"".join(frames)
            self._counters.bytes_sent += len(block) * len(members)
            if len(members) > MAX_MEMBERS_IN_ONE_GO:
                room.flushing += 1
                self._spread(room, group, iter(members), block)
            else:
                for member in members:
                    member.deliver(block)

    def _spread(
        self, room: Room, group: dict[Member, None], rest: Iterator[Member], block: bytes
    ) -> None:
        """Deliver to the next chunk, then let the loop turn. Who left meanwhile is skipped."""
        chunk = list(islice(rest, CHUNK_MEMBERS))
        for member in chunk:
            if member in group and member not in room.newcomers:
                member.deliver(block)
        if len(chunk) == CHUNK_MEMBERS:
            self._call_soon(self._spread, room, group, rest, block)
            return
        room.flushing -= 1
        if room.flushing == 0:
            room.newcomers.clear()
            if room.pending:
                self._dirty[room] = None
                self._request_tick()


def _deliver_late(group: dict[Member, None], late: dict[Member, int], frames: list[bytes]) -> None:
    for member, start in late.items():
        if member in group and start < len(frames):
            member.deliver(b"".join(frames[start:]))
