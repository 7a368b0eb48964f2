"""Arrivals: who comes, what it is told first, and who goes."""

from __future__ import annotations

from msgspec import UNSET, Struct

from tidewire.counters import Counters
from tidewire.errors import CommandRefused
from tidewire.hub import Room
from tidewire.messages import Connected, Subscribe
from tidewire.node.announcer import Announcer
from tidewire.node.answers import Answers
from tidewire.node.application import Application, Greeting
from tidewire.node.gate import Gate
from tidewire.node.peer import Peer
from tidewire.node.permissions import Permissions
from tidewire.node.registry import Clients
from tidewire.node.rooms import Rooms, tell
from tidewire.node.subscribing import Subscriber
from tidewire.security.grants import Grants
from tidewire.session import SessionLimits
from tidewire.websocket import close_codes

PROTOCOL_VERSION = 1
FEATURES = (
    "call", "history", "presence", "recovery", "refresh", "rewind", "several", "signal", "snapshot",
    "state",
)  # fmt: skip

NOT_NOW = {
    "unavailable": close_codes.TRY_AGAIN_LATER,
    "internal": close_codes.INTERNAL_ERROR,
}
"""How a newcomer is closed whom the application could not look at; all other refusals are its
word."""


class NodeOptions(Struct, frozen=True):
    """What a node is told about its work."""

    session_limits: SessionLimits
    heartbeat_s: float = 25.0
    lobby: str = "lobby"


class Arrivals:
    """Lets clients in, with the application's leave where it wants to be asked, and out."""

    def __init__(
        self,
        permissions: Permissions,
        answers: Answers,
        rooms: Rooms,
        subscriber: Subscriber,
        *,
        announcer: Announcer,
        application: Application,
        hooks: Gate,
        clients: Clients,
        counters: Counters,
        grants: Grants,
        options: NodeOptions,
    ) -> None:
        self.lobby: Room | None = None
        self.limits_told = options.session_limits.told()
        self._permissions = permissions
        self._answers = answers
        self._rooms = rooms
        self._subscriber = subscriber
        self._announcer = announcer
        self._application = application
        self._hooks = hooks
        self._clients = clients
        self._counters = counters
        self._grants = grants
        self._options = options

    def welcome(self, peer: Peer) -> None:
        """The connection stands: tell the newcomer, and the others that it is here."""
        self._count(peer)
        if self._application.greets:
            self._answers.run(peer, UNSET, lambda: self._greet(peer))
        else:
            self._let_in(peer)
            if names := self._unasked(peer):
                self._answers.run(peer, UNSET, lambda: self._subscriber.put_in_all(peer, names))

    def attend(self, peer: Peer, command: Subscribe) -> None:
        """The same for a client that only listens: it is in the channels it asks for, and no
        other."""
        self._count(peer)
        self._answers.run(peer, UNSET, lambda: self._attend(peer, command))

    async def _attend(self, peer: Peer, command: Subscribe) -> None:
        if not self._application.greets or await self._greeting(peer) is not None:
            peer.session.is_welcome = True
            peer.send(self._connected(peer))
            await self._subscriber.several(peer, command)

    def _count(self, peer: Peer) -> None:
        self._counters.connections += 1
        self._counters.opened += 1
        self._clients.add(peer)

    async def _greet(self, peer: Peer) -> None:
        """Let the application decide first; until then the client hears and may do nothing."""
        greeting = await self._greeting(peer)
        if greeting is not None:
            self._let_in(peer)
            names = [*self._unasked(peer), *greeting.subscriptions]
            await self._subscriber.put_in_all(peer, dict.fromkeys(names))

    async def _greeting(self, peer: Peer) -> Greeting | None:
        """What the application says to a newcomer; None where that closed the door to it."""
        try:
            return await self._hooks.run(lambda: self._application.greet(peer))
        except CommandRefused as refusal:
            peer.close(NOT_NOW.get(refusal.code, close_codes.FORBIDDEN), str(refusal))
            return None

    def _let_in(self, peer: Peer) -> None:
        peer.session.is_welcome = True
        if self.lobby is not None:
            self._rooms.enter(peer, self.lobby)
        peer.send(self._connected(peer))

    def _unasked(self, peer: Peer) -> list[str]:
        """What a newcomer is subscribed to besides the lobby, by its name and its token."""
        user = peer.session.user
        names = [*self._permissions.names_for(user.id), *user.subscriptions]
        return [name for name in dict.fromkeys(names) if name != self._options.lobby]

    def _connected(self, peer: Peer) -> Connected:
        session, user, lobby = peer.session, peer.session.user, self.lobby
        place = None if lobby is None else session.subscriptions.get(lobby.name)
        return Connected(
            user_id=user.id,
            user_count=0 if lobby is None else self._announcer.count(lobby.name),
            client_id=session.client_id,
            heartbeat=self._options.heartbeat_s,
            protocol=PROTOCOL_VERSION,
            features=FEATURES,
            limits=self.limits_told,
            channel=UNSET if lobby is None or place is None else lobby.name,
            epoch=UNSET if place is None else place.epoch,
            seq=UNSET if place is None else place.seq,
            tag=UNSET if place is None else place.tag,
            info=user.info,
            expires_at=None if user.expires_at is None else int(user.expires_at),
            grant=self._grants.for_connection(user),
        )

    def leave(self, peer: Peer, close_code: int, reason: str = "") -> None:
        """The connection is gone, however it went. Nothing of it stays behind."""
        self._counters.connections -= 1
        self._counters.closed[close_code] += 1
        self._clients.remove(peer)
        was_welcome, peer.session.is_welcome = peer.session.is_welcome, False
        for channel in list(peer.session.subscriptions):
            self._rooms.exit(peer, channel)
        if was_welcome:
            tell(self._application.farewell, peer, close_code, reason)
