"""The hub itself: rooms by channel name, and the fan-out of what a tick has collected.

A member's ``deliver`` must not raise.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from operator import attrgetter

from tidewire.channels.options import SlowReader
from tidewire.counters import Counters
from tidewire.hub.members import Item, Member
from tidewire.hub.room import Awaited, Held, Room
from tidewire.hub.slow import SlowReaders
from tidewire.hub.views import FindMember, View, views
from tidewire.messages import Event, Position, Publication

logger = logging.getLogger("tidewire.hub")

CHUNK_MEMBERS = 128
MAX_MEMBERS_IN_ONE_GO = 1_024
"""Above this a fan-out yields to the loop after every chunk: 9,000 members in one go held
everybody's pings for 77 ms. In chunks of 512 half of them took over 5 ms, in chunks of 128 one in
a hundred takes over 3.4. A turn of the loop costs 10 us: smaller chunks would cost over 2 %."""

NO_VIEWS: Mapping[Member, View] = {}

_excludes = attrgetter("exclude")


class Hub:
    """Rooms by channel name, and the batch each of them has collected in this tick."""

    def __init__(
        self,
        call_soon: Callable[..., object],
        request_tick: Callable[[], None],
        counters: Counters,
        find: FindMember,
    ) -> None:
        self._call_soon = call_soon
        self._request_tick = request_tick
        self._counters = counters
        self._find = find
        self._slow = SlowReaders(counters, find)
        self._rooms: dict[str, Room] = {}
        self._dirty: dict[Room, None] = {}

    def __len__(self) -> int:
        return len(self._rooms)

    @property
    def readers_behind(self) -> int:
        """Members whose transport is full, and who have something still to be told."""
        return len(self._slow)

    @property
    def tail_bytes(self) -> int:
        """Kept for slow readers, in all rooms together."""
        return self._slow.tail_bytes

    # -- rooms ---------------------------------------------------------------------------------

    def room(self, channel: str) -> Room | None:
        return self._rooms.get(channel)

    def open(
        self, channel: str, position: Position, slow_reader: SlowReader = "disconnect"
    ) -> Room:
        """The channel's room, made if need be; ``position`` is the engine's head at opening."""
        room = self._rooms.get(channel)
        if room is None:
            room = self._rooms[channel] = Room(channel, position, slow_reader)
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
        if member.is_behind:
            self._slow.fall_behind(member, (room,))
        return room.position

    def leave(self, room: Room, member: Member) -> None:
        self._slow.leave(room, member)
        room.remove(member)

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

    def watch(self, room: Room, member: Member, wake: Callable[[], None]) -> None:
        """Call ``wake`` whenever the next entries come, until ``member`` leaves."""
        room.held[member] = Awaited(wake)

    # -- slow readers --------------------------------------------------------------------------

    def fall_behind(self, member: Member, channels: Iterable[str]) -> None:
        """``member``, which is in ``channels``, has no room for more until it ``catch_up``s."""
        rooms = (self._rooms.get(channel) for channel in channels)
        self._slow.fall_behind(
            member, [room for room in rooms if room is not None and room.has(member)]
        )

    def catch_up(self, member: Member) -> None:
        """``member`` takes more: write what was kept for it, and go on live where nothing is."""
        self._slow.catch_up(member)

    # -- fan-out -------------------------------------------------------------------------------

    def publish(self, room: Room, entries: Sequence[Publication]) -> None:
        """Collect the channel's next entries for this tick."""
        last = entries[-1]
        room.position = Position(room.position.epoch, last.seq, last.tag)
        for held in room.held.values():
            held.add(entries)
        if room.groups:
            room.pending.extend(entries)
            if not room.has_absences:
                room.has_absences = any(map(_excludes, entries))
            self._dirty[room] = None
            self._request_tick()

    def announce(self, room: Room, event: Event) -> None:
        """Collect an event that is not an entry: no ``seq``, never in history."""
        if room.groups:
            room.pending.append(event)
            self._dirty[room] = None
            self._request_tick()

    def signal(self, room: Room, key: Hashable, event: Event) -> None:
        """Collect an event of which only the latest with this ``key`` matters; not for its own
        client."""
        if room.groups:
            room.signals.pop(key, None)
            room.signals[key] = event
            room.has_absences = True
            self._dirty[room] = None
            self._request_tick()

    def unsay(self, room: Room, key: Hashable) -> None:
        """Forget the signal with this ``key``, if one has been collected."""
        room.signals.pop(key, None)

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
        items, apart = self._take(room)
        if not items:  # a signal that was taken back
            return
        for wire, group in list(room.groups.items()):
            frames = wire.frames(items)
            for member, view in apart.items():
                if member in group:
                    self._deliver(member, view.block(items, frames, wire), len(items) - view.start)
            members = [each for each in group if each not in apart] if apart else list(group)
            block = b"".join(frames)
            self._counters.delivered += len(items) * len(members)
            self._counters.bytes_sent += len(block) * len(members)
            if len(members) > MAX_MEMBERS_IN_ONE_GO:
                room.flushing += 1
                self._spread(room, group, iter(members), block)
            else:
                for member in members:
                    member.deliver(block)

    def _take(self, room: Room) -> tuple[Sequence[Item], Mapping[Member, View]]:
        """What ``room`` has collected, and who is not told just that."""
        items, room.pending = [*room.pending, *room.signals.values()], []
        room.signals.clear()
        late, room.late = room.late, {}
        apart = NO_VIEWS
        if late or room.behind or room.has_absences:
            apart = views(room, items, late, self._find)
            room.has_absences = False
        if room.tail is not None:
            self._slow.keep(room.tail, items)
        return items, apart

    def _deliver(self, member: Member, block: bytes, count: int) -> None:
        """Deliver what only this member is told, if anything."""
        if block:
            self._counters.delivered += count
            self._counters.bytes_sent += len(block)
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
            if room.has_collected:
                self._dirty[room] = None
                self._request_tick()
