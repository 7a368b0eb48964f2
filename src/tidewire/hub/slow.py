"""Slow readers: members whose transport is full, and how they catch up when it no longer is.

Rooms that keep a tail hand it to the member in blocks, until its transport is
full again or nothing is left; then it goes on live, in the same step. A room it
could not finish comes last the next time, so that a busy one starves no other.
"""

from __future__ import annotations

from collections.abc import Iterable

from tidewire.counters import Counters
from tidewire.hub.members import Item, Member
from tidewire.hub.room import Room
from tidewire.hub.tail import Tail, Tails
from tidewire.hub.views import FindMember
from tidewire.messages import Publication


class SlowReaders:
    """Those who are behind, and in which rooms."""

    def __init__(self, counters: Counters, find: FindMember) -> None:
        self._counters = counters
        self._find = find
        self._rooms: dict[Member, dict[Room, None]] = {}
        self._tails = Tails()

    def __len__(self) -> int:
        return len(self._rooms)

    @property
    def tail_bytes(self) -> int:
        return self._tails.bytes

    def fall_behind(self, member: Member, rooms: Iterable[Room]) -> None:
        """Its transport is full: from now on ``rooms`` keep for it what their policy says."""
        for room in rooms:
            room.fall_behind(member)
            self._rooms.setdefault(member, {})[room] = None

    def keep(self, tail: Tail, items: Iterable[Item]) -> None:
        """A batch has gone out: what of it those have to be told who are behind."""
        self._tails.add(tail, items)

    def catch_up(self, member: Member) -> None:
        """Its transport takes more: write what waits, as far as it goes."""
        for room in list(self._rooms.get(member, ())):
            if room.tail is not None and not self._write(room.tail, room, member):
                self._put_last(room, member)
                return
            self.leave(room, member)

    def leave(self, room: Room, member: Member) -> None:
        """``member`` is no longer behind in ``room``, or no longer there."""
        tail = room.tail
        room.no_longer_behind(member)
        if tail is not None and room.tail is None:
            self._tails.forget(tail)
        rooms = self._rooms.get(member)
        if rooms is not None:
            rooms.pop(room, None)
            if not rooms:
                del self._rooms[member]

    def _write(self, tail: Tail, room: Room, member: Member) -> bool:
        """Whether all of it has been written; not where ``member`` is full, or has gone."""

        def excludes(entry: Publication) -> bool:
            return self._find(entry.exclude) is member

        for block in tail.blocks(room.behind[member], excludes):
            data = b"".join(member.wire.frames(block.items))
            room.behind[member] = block.reached
            self._counters.delivered += len(block.items)
            self._counters.bytes_sent += len(data)
            member.deliver(data)
            if member.is_behind or member not in room.behind:
                return False
        return True

    def _put_last(self, room: Room, member: Member) -> None:
        rooms = self._rooms.get(member)
        if rooms is not None and room in rooms:
            rooms[room] = rooms.pop(room)
