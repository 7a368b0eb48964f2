"""Announcer: who is in each room, and how the room is told of it.

Telling everyone about every join is quadratic, so a room above its
announcement limit gets its count instead, at most once an interval; and what
its clients have set is not told there. Where a leave may wait, somebody who
comes back in time, as a page that is loaded again does, has never been away.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import count

import msgspec
from msgspec import UNSET, Raw

from tidewire.channels.options import ChannelOptions
from tidewire.channels.patterns import ChannelTable
from tidewire.hub import Hub, Room
from tidewire.messages import (
    NULL,
    Member,
    Occupancy,
    PresenceList,
    StateChanged,
    UserJoined,
    UserLeft,
)
from tidewire.presence.roster import Roster
from tidewire.security.user import User
from tidewire.session import Session

MAX_LEAVING = 10_000
"""Users of a channel whose leave may wait at a time, each with a timer: some 4 MiB. Where more go,
as when a line is cut that many share, the others' is told at once."""


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
        self._departures = count(1)

    # -- who is here ---------------------------------------------------------------------------

    def count(self, channel: str) -> int:
        """Users in the channel, each counted once."""
        roster = self._rosters.get(channel)
        return 0 if roster is None else len(roster)

    def is_announced(self, channel: str) -> bool:
        """Whether the room is small enough for its members to be named."""
        options = self._channels.options(channel)
        return options is not None and self.count(channel) <= options.announce_up_to

    def present(self, channel: str) -> PresenceList:
        """Who is in the channel, in order of arrival; where it is large, how many."""
        roster = self._rosters.get(channel)
        if roster is None:
            return PresenceList(channel=channel, user_count=0, users=())
        users = (_member(roster, user) for user in roster)
        return PresenceList(
            channel=channel,
            user_count=len(roster),
            client_count=roster.clients,
            users=tuple(users) if self.is_announced(channel) else (),
        )

    # -- coming and going ----------------------------------------------------------------------

    def enter(self, room: Room, user: User) -> None:
        """Count a client; tell those who are in ``room`` so far, if its user is new there."""
        if not self._options(room).presence:
            return
        roster = self._rosters.get(room.name)
        if roster is None:
            roster = self._rosters[room.name] = Roster()
        if not roster.enter(user):
            return
        if self.is_announced(room.name):
            self._hub.announce(room, UserJoined(user_id=user.id, channel=room.name, info=user.info))
        else:
            self._count_soon(room.name)

    def leave(self, room: Room, session: Session) -> None:
        """Count a client less; tell those who are still in ``room``, if its user is gone."""
        roster = self._rosters.get(room.name)
        if roster is None:
            return
        user_id, grace_s = session.user.id, self._options(room).leave_after_s
        had_state = roster.set_state(user_id, session.client_id, None)
        waits = grace_s > 0 and roster.leaving < MAX_LEAVING
        departure = next(self._departures) if waits else None
        is_last = roster.leave(user_id, departure)
        if is_last and departure is None:
            self._hub.unsay(room, _state_key(session.client_id))
            self._tell_left(room, user_id)
            return
        if is_last and departure is not None:
            self._call_later(grace_s, partial(self._give_up, room.name, user_id, departure))
        if had_state:
            self._tell_state(room, session, NULL)

    def _give_up(self, channel: str, user_id: str, departure: int) -> None:
        """The user had its time to come back. The room may be another by now."""
        room, roster = self._hub.room(channel), self._rosters.get(channel)
        if room is not None and roster is not None and roster.expire(user_id, departure):
            self._tell_left(room, user_id)

    def _tell_left(self, room: Room, user_id: str) -> None:
        is_announced = self.is_announced(room.name)
        if is_announced:
            self._hub.announce(room, UserLeft(user_id=user_id, channel=room.name))
        if not is_announced or room.name in self._changed:
            self._count_soon(room.name)

    def forget(self, channel: str) -> None:
        """The room is closed. Its count, if one is due, stays due: should the room open again, it
        comes no sooner than that."""
        self._rosters.pop(channel, None)

    def renew(self, session: Session) -> None:
        """The user's info may be another by now."""
        for channel in session.subscriptions:
            if (roster := self._rosters.get(channel)) is not None:
                roster.renew(session.user)

    def _options(self, room: Room) -> ChannelOptions:
        return self._channels.options(room.name) or ChannelOptions()

    # -- what clients have set -----------------------------------------------------------------

    def set_state(self, room: Room, session: Session, state: bytes) -> None:
        """Keep what a client of ``room`` has set, and tell the others; ``null`` is nothing."""
        roster = self._rosters.get(room.name)
        if roster is not None:
            kept = None if state == b"null" else state
            roster.set_state(session.user.id, session.client_id, kept)
            self._tell_state(room, session, Raw(state))

    def _tell_state(self, room: Room, session: Session, state: Raw) -> None:
        if self.is_announced(room.name):
            event = StateChanged(
                channel=room.name,
                user_id=session.user.id,
                client_id=session.client_id,
                data=state,
            )
            self._hub.signal(room, _state_key(session.client_id), event)

    # -- large rooms ---------------------------------------------------------------------------

    def _count_soon(self, channel: str) -> None:
        if channel not in self._changed:
            self._changed.add(channel)
            self._call_later(self._interval_s, lambda: self._tell_count(channel))

    def _tell_count(self, channel: str) -> None:
        room = self._hub.room(channel)
        if channel in self._changed and room is not None:
            self._hub.announce(room, Occupancy(channel=channel, user_count=self.count(channel)))
        self._changed.discard(channel)


def _state_key(client_id: str) -> tuple[str, str]:
    return ("state", client_id)


def _member(roster: Roster, user: User) -> Member:
    states = roster.states(user.id)
    clients = {client_id: msgspec.json.decode(state) for client_id, state in states.items()}
    return Member(user.id, user.info, clients or UNSET)
