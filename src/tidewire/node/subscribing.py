"""Subscribing: one channel, several in one command, and what the server does unasked."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import UNSET, UnsetType, structs

from tidewire.channels.patterns import Found
from tidewire.clock import Clock
from tidewire.errors import CommandRefused, ErrorCode
from tidewire.messages import (
    Draining,
    Position,
    Subscribe,
    SubscribedAll,
    Unsubscribe,
    Unsubscribed,
)
from tidewire.node.answers import Answers, refusal_of
from tidewire.node.peer import Peer
from tidewire.node.permissions import Permissions
from tidewire.node.recovery import Joining, Recoverer
from tidewire.node.rooms import Rooms
from tidewire.security.grants import Grants
from tidewire.security.user import User
from tidewire.session import forbidden


class Subscriber:
    """Subscribes peers and unsubscribes them, on their own command or the server's."""

    def __init__(
        self,
        permissions: Permissions,
        answers: Answers,
        rooms: Rooms,
        *,
        recoverer: Recoverer,
        grants: Grants,
        clock: Clock,
    ) -> None:
        self._permissions = permissions
        self._answers = answers
        self._rooms = rooms
        self._recoverer = recoverer
        self._grants = grants
        self._clock = clock
        self._joining: dict[tuple[str, str], Joining] = {}

    # -- a client's ----------------------------------------------------------------------------

    def subscribe(self, peer: Peer, command: Subscribe) -> None:
        if command.channels is not None:
            self._answers.run(peer, command.id, lambda: self.several(peer, command))
            return
        found = self._check(peer, command.channel)
        if not self._joins_at_once(peer, command, found):
            self._answers.run(peer, command.id, lambda: self._one(peer, command, found))

    def _joins_at_once(self, peer: Peer, command: Subscribe, found: Found) -> bool:
        """Whether it is in already: where nobody is asked, and the server is not just doing it."""
        is_under_way = (peer.session.client_id, found.name) in self._joining
        if is_under_way or self._permissions.is_asked("subscribe", found):
            return False
        return self._recoverer.joins_at_once(Joining(peer, command, found))

    def _check(self, peer: Peer, channel: str) -> Found:
        """Refuse at once what need not wait for anybody to be refused."""
        found = self._permissions.check(peer.session, "subscribe", channel)
        peer.session.check_subscribe(channel, self._clock.monotonic())
        return found

    async def several(self, peer: Peer, command: Subscribe) -> None:
        """One after the other, each answered by itself; then the answer to the command."""
        done: dict[str, None] = {}
        refused: dict[str, None] = {}
        for place in command.channels or ():
            try:
                found = self._check(peer, place.channel)
                await self._one(peer, Subscribe(**structs.asdict(place)), found)
                done[place.channel] = None
            except Exception as error:
                refused[place.channel] = None
                self._answers.refuse(peer, UNSET, refusal_of(error), channel=place.channel)
        peer.send(SubscribedAll(id=command.id, channels=tuple(done), refused=tuple(refused)))

    async def _one(self, peer: Peer, command: Subscribe, found: Found) -> None:
        joining = Joining(
            peer,
            command,
            found,
            grant=await self._permit(peer, command, found),
            may_read_past=await self._may_read_past(peer, command, found),
        )
        await self._join(joining)

    async def _permit(self, peer: Peer, command: Subscribe, found: Found) -> str | UnsetType:
        """Ask the application where it decides; the grant for next time is then the answer."""
        if not self._permissions.is_asked("subscribe", found):
            return UNSET
        user, now = peer.session.user, self._clock.time()
        if command.grant is not None and self._grants.opens(command.grant, user, found.name, now):
            return command.grant
        await self._permissions.may(peer, "subscribe", found.name)
        return self._grants.for_subscription(user, found.name, now)

    async def _may_read_past(self, peer: Peer, command: Subscribe, found: Found) -> bool:
        """Whether it may read what it has no tag of; refused where it asks for nothing else.

        Live or from history, it is the same channel: no path leads around the rule
        for history (catalogue 74).
        """
        bare = command.since is not None and not command.since.tag
        rewinds = command.since is None and command.rewind is not None
        if not (bare or rewinds) or found.options.may_read_history is None:
            return True
        try:
            await self._permissions.may(peer, "history", found.name)
        except CommandRefused as refusal:
            if rewinds or refusal.code != "forbidden":
                raise
            return False
        return True

    def unsubscribe(self, peer: Peer, command: Unsubscribe) -> None:
        peer.session.check_subscribed(command.channel)
        self._rooms.exit(peer, command.channel)
        peer.send(Unsubscribed(id=command.id, channel=command.channel))

    # -- the server's --------------------------------------------------------------------------

    async def put_in(self, peer: Peer, channel: str, since: Position | None = None) -> None:
        """Subscribe ``peer`` unasked, whatever it may do itself; it is told.

        Raises ``CommandRefused`` for a channel that does not exist and a peer that has
        gone, ``EngineUnavailable``.
        """
        found = self._permissions.find(channel)
        if found is None or not peer.session.is_welcome:
            raise forbidden()
        await self._join(Joining(peer, Subscribe(channel=channel, since=since), found))
        if not found.options.subscribed_by_server:
            unasked = peer.session.unasked or set()
            peer.session.unasked = unasked | {channel}

    async def put_in_all(self, peer: Peer, channels: Iterable[str]) -> None:
        """The same for several; which of them failed it is told."""
        for channel in channels:
            if channel in peer.session.subscriptions:
                continue
            try:
                await self.put_in(peer, channel)
            except Exception as error:
                self._answers.refuse(peer, UNSET, refusal_of(error), channel=channel)

    def put_out(self, peer: Peer, channel: str, code: ErrorCode) -> None:
        """End a subscription, or one that is about to begin; ``peer`` is told why."""
        under_way = self._joining.get((peer.session.client_id, channel))
        if under_way is not None:
            under_way.is_void = True
        if channel in peer.session.subscriptions:
            self._rooms.exit(peer, channel)
            peer.send(Unsubscribed(channel=channel, code=code))

    async def reconsider(self, peer: Peer, before: User) -> None:
        """A newer token may let its user do less, or more: subscribe and unsubscribe as it says."""
        session, now = peer.session, peer.session.user
        if session.unasked is not None:
            session.unasked.difference_update(set(before.subscriptions) - set(now.subscriptions))
        for channel in list(session.subscriptions):
            if not self._is_allowed(peer, channel):
                self.put_out(peer, channel, "forbidden")
        await self.put_in_all(peer, now.subscriptions)

    def _is_allowed(self, peer: Peer, channel: str) -> bool:
        """Whether it may stay: by its own right, as far as a session tells, or by the server's."""
        found, session = self._permissions.find(channel), peer.session
        if found is None:
            return False
        is_servers = (
            found.options.subscribed_by_server
            or channel == self._rooms.kept
            or channel in (session.unasked or ())
        )
        return is_servers or session.may("subscribe", found) is not False

    def draining(self, peer: Peer, window_s: float) -> Draining:
        """What ``peer`` is told when it has to leave: with the application's leave to come back."""
        session, now = peer.session, self._clock.time()
        made = {
            name: self._grants.for_subscription(session.user, name, now)
            for name in session.subscriptions
            if self._is_by_hook(peer, name)
        }
        grants = {name: grant for name, grant in made.items() if grant is not UNSET}
        return Draining(
            window=window_s, grant=self._grants.anew(session.user, now), grants=grants or UNSET
        )

    def _is_by_hook(self, peer: Peer, channel: str) -> bool:
        found = self._permissions.find(channel)
        is_servers = channel in (peer.session.unasked or ())
        return (
            not is_servers and found is not None and self._permissions.is_asked("subscribe", found)
        )

    # -- one at a time -------------------------------------------------------------------------

    async def _join(self, joining: Joining) -> None:
        """The server may subscribe a client to what it is about to subscribe to itself."""
        key = (joining.peer.session.client_id, joining.found.name)
        while (other := self._joining.get(key)) is not None:
            await other.over()
        self._joining[key] = joining
        try:
            await self._recoverer.join(joining)
        finally:
            del self._joining[key]
            joining.end()
            self._rooms.close_if_empty(joining.found.name)
