"""Announcer: who is in each room, and how the room is told of it.

Telling everyone about every join is quadratic, so a room above its
announcement limit gets its count instead, at most once an interval.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tidewire.channels.patterns import ChannelTable
from tidewire.hub import Hub, Room
from tidewire.messages import Occupancy, UserJoined, UserLeft
from tidewire.presence.roster import Roster
from tidewire.security.user import User


class Announcer:
    """The rosters of all rooms of this node."""

    def __init__(
        self,
        hub: Hub,
        channels: ChannelTable,
        call_later: Callable[[float, Callable[[], None]], object],
        interval_s: float,
    ) -> None:
        self._hub = hub
        self._channels = channels
        self._call_later = call_later
        self._interval_s = interval_s
        self._rosters: dict[str, Roster] = {}
        self._changed: set[str] = set()

    def count(self, channel: str) -> int:
        """Users in the channel, each counted once."""
        roster = self._rosters.get(channel)
        return 0 if roster is None else len(roster)

    def is_announced(self, channel: str) -> bool:
        """Whether the room is small enough for its members to be named."""
        options = self._channels.options(channel)
        return options is not None and self.count(channel) <= options.announce_up_to

    def users(self, channel: str) -> Iterator[User]:
        """Who is in the channel, in order of arrival."""
        return iter(self._rosters.get(channel, ()))

    def enter(self, room: Room, user: User) -> None:
        """Count a client; tell those who are in ``room`` so far, if its user is new there."""
        roster = self._rosters.get(room.name)
        if roster is None:
            roster = self._rosters[room.name] = Roster()
        if not roster.enter(user):
            return
        if self.is_announced(room.name):
            self._hub.announce(room, UserJoined(user_id=user.id, channel=room.name, info=user.info))
        else:
            self._count_soon(room.name)

    def leave(self, room: Room, user_id: str) -> None:
        """Count a client less; tell those who are still in ``room``, if its user is gone."""
        roster = self._rosters.get(room.name)
        if roster is None or not roster.leave(user_id):
            return
        if self.is_announced(room.name):
            self._hub.announce(room, UserLeft(user_id=user_id, channel=room.name))
        if not self.is_announced(room.name) or room.name in self._changed:
            self._count_soon(room.name)

    def forget(self, channel: str) -> None:
        """The room is closed. Its count, if one is due, stays due: should the room open again, it
        comes no sooner than that."""
        self._rosters.pop(channel, None)

    def _count_soon(self, channel: str) -> None:
        if channel not in self._changed:
            self._changed.add(channel)
            self._call_later(self._interval_s, lambda: self._tell_count(channel))

    def _tell_count(self, channel: str) -> None:
        room = self._hub.room(channel)
        if channel in self._changed and room is not None:
            self._hub.announce(room, Occupancy(channel=channel, user_count=self.count(channel)))
        self._changed.discard(channel)
