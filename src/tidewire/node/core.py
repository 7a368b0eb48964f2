"""The node itself: who comes and goes, which command goes where, and what its engine tells.

What is hot (``receive`` to the engine's ``submit``, and the sink's methods) is
synchronous; what may have to wait is a coroutine that the peer runs while it
reads nothing else, so that a client's order is kept.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, TypeAlias

from msgspec import UNSET, Raw, Struct

from tidewire.channels.options import Action, ChannelOptions
from tidewire.channels.patterns import ChannelTable, Found
from tidewire.clock import Clock
from tidewire.counters import Counters
from tidewire.dialects.base import Undecodable
from tidewire.engines.base import Engine, Lease, Page, Query, Receipt, Snapshot
from tidewire.errors import CommandRefused, ErrorCode, HandshakeRefused
from tidewire.hub import Hub, Room
from tidewire.messages import (
    AnyCommand,
    AppMessage,
    Call,
    Chat,
    Connected,
    Draining,
    Event,
    History,
    Ping,
    Pong,
    Position,
    Presence,
    PresenceList,
    Publication,
    Publish,
    Refresh,
    Refreshed,
    Result,
    Signal,
    SignalCommand,
    State,
    Subscribe,
    Unsubscribe,
)
from tidewire.node.announcer import Announcer
from tidewire.node.answers import Answers
from tidewire.node.application import Application, Greeting, NoApplication
from tidewire.node.following import SYSTEM_PREFIX, Followers, OnEntries
from tidewire.node.gate import HANDLERS, HOOKS, Gate
from tidewire.node.peer import CommandKey, Peer
from tidewire.node.permissions import Permissions
from tidewire.node.presence import Attendance
from tidewire.node.publishing import Publisher
from tidewire.node.reading import Reader
from tidewire.node.recovery import Recoverer
from tidewire.node.registry import Clients
from tidewire.node.rooms import Rooms, tell
from tidewire.node.signals import Signals
from tidewire.node.subscribing import Subscriber
from tidewire.security.grants import Grants
from tidewire.security.rates import SharedBuckets
from tidewire.security.user import User
from tidewire.session import SessionLimits, forbidden, rate_limited
from tidewire.tick import Tick
from tidewire.websocket import close_codes
from tidewire.websocket.close_codes import CloseCode

PROTOCOL_VERSION = 1
FEATURES = (
    "call", "history", "presence", "recovery", "refresh", "rewind", "several", "signal", "snapshot",
    "state",
)  # fmt: skip

Refresher: TypeAlias = Callable[[str], Awaitable[User]]
"""A newer token to its user; raises ``HandshakeRefused``."""

PONG = Pong()

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


class Node:
    """One server process's share of the system."""

    def __init__(
        self,
        *,
        engine: Engine,
        hub: Hub,
        tick: Tick,
        channels: ChannelTable,
        clock: Clock,
        counters: Counters,
        clients: Clients,
        announcer: Announcer,
        user_rates: SharedBuckets[str],
        refresh: Refresher,
        grants: Grants,
        options: NodeOptions,
        application: Application | None = None,
    ) -> None:
        self.counters = counters
        self.clients = clients
        self.hooks, self.handlers = Gate(HOOKS), Gate(HANDLERS)
        self.application = application or NoApplication()
        self.grants = grants
        self._hub = hub
        self.engine = engine
        self._tick = tick
        self._clock = clock
        self._announcer = announcer
        self._refresher = refresh
        self._options = options
        self._limits_told = options.session_limits.told()
        self._lobby: Room | None = None
        self._answers = Answers(counters, tick)
        self._permissions = Permissions(channels, self.application, self.hooks)
        self._followers = Followers(engine)
        self._rooms = Rooms(engine, hub, announcer, self.application, options.lobby)
        self._reader = Reader(engine, self._permissions, self._answers)
        self._subscriber = Subscriber(
            self._permissions, self._answers, self._rooms,
            recoverer=Recoverer(engine, self._rooms), grants=grants, clock=clock,
        )  # fmt: skip
        self._publisher = Publisher(
            engine, self._permissions, self._answers, self.application, self.hooks,
            clock=clock, tick=tick, counters=counters, user_rates=user_rates,
        )  # fmt: skip
        self._signals = Signals(
            engine, hub, self._permissions, self._answers, tick=tick, user_rates=user_rates
        )
        self.signalled = self._signals.signalled
        attendance = Attendance(announcer, hub, self._permissions, self._answers, self._signals)
        self.observe_written = self._publisher.observe_written
        self.settled = self._publisher.settled
        self._handlers: dict[type, Callable[[Peer, Any], None]] = {
            Ping: self._ping,
            Chat: self._publisher.publish,
            Publish: self._publisher.publish,
            Subscribe: self._subscriber.subscribe,
            Unsubscribe: self._subscriber.unsubscribe,
            History: self._reader.history,
            Presence: attendance.ask,
            SignalCommand: self._signals.signal,
            State: attendance.set_state,
            Call: self._call,
            Refresh: self._refresh,
            AppMessage: self._app_message,
        }

    async def start(self) -> None:
        """Open the lobby. Raises ``EngineUnavailable``."""
        self.engine.start(self)
        lobby = self.find(self._options.lobby)
        if lobby is not None:
            self._lobby = await self._rooms.open(lobby)

    async def stop(self) -> None:
        """Every submission in flight has ended when this returns."""
        await self.engine.stop()

    def set_limits(self, limits: SessionLimits) -> None:
        """What newcomers are told that they may do."""
        self._limits_told = limits.told()

    # -- coming and going ----------------------------------------------------------------------

    def welcome(self, peer: Peer) -> None:
        """The connection stands: tell the newcomer, and the others that it is here."""
        self._count(peer)
        if self.application.greets:
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
        if not self.application.greets or await self._greeting(peer) is not None:
            peer.session.is_welcome = True
            peer.send(self._connected(peer))
            await self._subscriber.several(peer, command)

    def _count(self, peer: Peer) -> None:
        self.counters.connections += 1
        self.counters.opened += 1
        self.clients.add(peer)

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
            return await self.hooks.run(lambda: self.application.greet(peer))
        except CommandRefused as refusal:
            peer.close(NOT_NOW.get(refusal.code, close_codes.FORBIDDEN), str(refusal))
            return None

    def _let_in(self, peer: Peer) -> None:
        peer.session.is_welcome = True
        if self._lobby is not None:
            self._rooms.enter(peer, self._lobby)
        peer.send(self._connected(peer))

    def _unasked(self, peer: Peer) -> list[str]:
        """What a newcomer is subscribed to besides the lobby, by its name and its token."""
        user = peer.session.user
        names = [*self._permissions.names_for(user.id), *user.subscriptions]
        return [name for name in dict.fromkeys(names) if name != self._options.lobby]

    def _connected(self, peer: Peer) -> Connected:
        session, user, lobby = peer.session, peer.session.user, self._lobby
        place = None if lobby is None else session.subscriptions.get(lobby.name)
        return Connected(
            user_id=user.id,
            user_count=0 if lobby is None else self._announcer.count(lobby.name),
            client_id=session.client_id,
            heartbeat=self._options.heartbeat_s,
            protocol=PROTOCOL_VERSION,
            features=FEATURES,
            limits=self._limits_told,
            channel=UNSET if lobby is None or place is None else lobby.name,
            epoch=UNSET if place is None else place.epoch,
            seq=UNSET if place is None else place.seq,
            tag=UNSET if place is None else place.tag,
            info=user.info,
            expires_at=None if user.expires_at is None else int(user.expires_at),
            grant=self.grants.for_connection(user),
        )

    def leave(self, peer: Peer, close_code: int, reason: str = "") -> None:
        """The connection is gone, however it went. Nothing of it stays behind."""
        self.counters.connections -= 1
        self.counters.closed[close_code] += 1
        self.clients.remove(peer)
        was_welcome, peer.session.is_welcome = peer.session.is_welcome, False
        for channel in list(peer.session.subscriptions):
            self._rooms.exit(peer, channel)
        if was_welcome:
            tell(self.application.farewell, peer, close_code, reason)

    def disconnect(self, peer: Peer, close_code: CloseCode, reason: str | None = None) -> None:
        """Close a client's connection; ``reason`` is for people, and stands in the Close frame."""
        peer.close(close_code, reason)

    def fell_behind(self, peer: Peer) -> None:
        """It reads too slowly: its channels' rules say what becomes of what it cannot take."""
        self._hub.fall_behind(peer, peer.session.subscriptions)

    def caught_up(self, peer: Peer) -> None:
        """It takes more again."""
        self._hub.catch_up(peer)

    def announce_drain(self, peers: Iterable[Peer], window_s: float) -> None:
        """Tell ``peers`` to come back at a random moment within ``window_s`` seconds."""
        event = Draining(window=window_s)
        for peer in peers:
            peer.send(event)

    # -- commands ------------------------------------------------------------------------------

    def receive(self, peer: Peer, text: str | bytes) -> None:
        """Act on one message of a client, or answer why not."""
        wire = peer.wire
        if wire.is_binary is (type(text) is str):  # not as agreed on
            peer.close(close_codes.UNSUPPORTED_DATA)
            return
        command: AnyCommand | AppMessage | None = None
        try:
            command = wire.decode(text)
            traffic = self.counters.traffic
            traffic.skip -= 1
            if not traffic.skip:
                self._sample(peer, command, len(text))
            self._handlers[type(command)](peer, command)
        except CommandRefused as refusal:
            self._answers.refuse(peer, _key(command, refusal), refusal)

    def _sample(self, peer: Peer, command: object, size: int) -> None:
        channel: str = getattr(command, "channel", "")
        user_id, ip = peer.session.user.id, peer.limited_ip or ""
        self.counters.traffic.sample(user_id, channel, ip, size)

    def act(self, peer: Peer, command: AnyCommand) -> None:
        """The same for a command that did not come as text."""
        self._tick.request()
        try:
            self._handlers[type(command)](peer, command)
        except CommandRefused as refusal:
            self._answers.refuse(peer, command.id, refusal)

    def receive_binary(self, peer: Peer, data: bytes) -> None:
        """The same for a message that came in binary frames."""
        self.receive(peer, data)

    def refuse_frames(self, peer: Peer, wait_s: float) -> None:
        """The peer sends more frames than it may: tell it, and close when it goes on."""
        self._answers.refuse(peer, UNSET, rate_limited("frames", wait_s))

    def _ping(self, peer: Peer, command: Ping) -> None:
        if command.id is UNSET:
            peer.send(PONG)
        else:
            peer.send(Pong(id=command.id, timestamp=int(self._clock.time() * 1000)))

    def _refresh(self, peer: Peer, command: Refresh) -> None:
        self._answers.run(peer, command.id, lambda: self._do_refresh(peer, command))

    async def _do_refresh(self, peer: Peer, command: Refresh) -> None:
        try:
            user = await self._refresher(command.token)
        except HandshakeRefused:
            raise CommandRefused("forbidden", "the token was not accepted") from None
        before = peer.session.user
        peer.session.take_refreshed(user)
        self._announcer.renew(peer.session)
        expires_at = None if user.expires_at is None else int(user.expires_at)
        peer.send(Refreshed(id=command.id, expires_at=expires_at))
        await self._subscriber.reconsider(peer, before)

    # -- the application's ---------------------------------------------------------------------

    def _call(self, peer: Peer, command: Call) -> None:
        self._answers.run(peer, command.id, lambda: self._do_call(peer, command))

    async def _do_call(self, peer: Peer, command: Call) -> None:
        answer = await self.handlers.run(
            lambda: self.application.call(peer, command.method, command.data)
        )
        peer.send(Result(id=command.id, data=Raw(answer)))

    def _app_message(self, peer: Peer, command: AppMessage) -> None:
        self._answers.run(peer, command.id, lambda: self._do_app_message(peer, command))

    async def _do_app_message(self, peer: Peer, command: AppMessage) -> None:
        await self.handlers.run(lambda: self.application.receive(peer, command.message))
        if command.id is not UNSET:
            peer.send(Result(id=command.id))

    # -- for those who have no session: the application, the HTTP API, streams ------------------

    def find(self, channel: str) -> Found | None:
        """The channel; None where no pattern is configured for its name."""
        return self._permissions.find(channel)

    async def may(self, peer: Peer, action: Action, channel: str) -> Found:
        """The channel, where ``peer`` may do ``action`` there now.

        The same question on every path. Raises ``CommandRefused``.
        """
        return await self._permissions.may(peer, action, channel)

    def publish(self, entry: Publication, options: ChannelOptions, receipt: Receipt | None) -> None:
        """Publish without a session and its limits.

        A ``receipt`` whose sender can be called is handed to it when it has
        ended. Raises ``EngineUnavailable`` where too much is in flight.
        """
        self._publisher.accept(entry, options, receipt)

    def signal(self, signal: Signal) -> None:
        """Tell a channel something that is not kept. Never fails."""
        self._signals.send(signal)

    def send(self, peer: Peer, event: Event) -> None:
        """Tell one client something, with this tick's write."""
        peer.send(event)

    async def subscribe(self, peer: Peer, channel: str, since: Position | None = None) -> None:
        """Subscribe ``peer`` unasked: permissions are not looked at, and it is told ``subscribed``.

        Raises ``CommandRefused`` for a channel that is not configured and a peer that
        has gone, ``EngineUnavailable``.
        """
        await self._subscriber.put_in(peer, channel, since)

    def unsubscribe(self, peer: Peer, channel: str, code: ErrorCode = "forbidden") -> None:
        """End a subscription, if there is one; ``peer`` is told ``unsubscribed`` with ``code``."""
        self._subscriber.put_out(peer, channel, code)

    async def presence(self, channel: str) -> PresenceList:
        """Who is in a channel now. Raises ``EngineUnavailable``."""
        return self._announcer.present(channel)

    def subscriber_count(self, channel: str) -> int:
        """Clients of this node that are subscribed there."""
        room = self._hub.room(channel)
        return 0 if room is None else len(room)

    async def history(self, channel: str, query: Query) -> Page:
        """Read a configured channel's log. Raises ``CommandRefused``, ``EngineUnavailable``."""
        return await self.engine.read(channel, self._options_of(channel), query)

    async def snapshot(self, channel: str) -> Snapshot:
        """The latest entry of each key; as ``history``."""
        return await self.engine.snapshot(channel, self._options_of(channel))

    async def watch(self, peer: Peer, found: Found, wake: Callable[[], None]) -> None:
        """Call ``wake`` at each of the channel's next entries, until ``unwatch``.

        ``peer`` is not in the channel: nobody is told of it. Raises ``EngineUnavailable``.
        """
        self._hub.watch(await self._rooms.open(found), peer, wake)

    def unwatch(self, peer: Peer, channel: str) -> None:
        """Nothing happens where it does not watch."""
        room = self._hub.room(channel)
        if room is not None:
            self._rooms.give_up(room, peer)
            self._rooms.close_if_empty(channel)

    def _options_of(self, channel: str) -> ChannelOptions:
        found = self.find(channel)
        if found is None:
            raise forbidden()
        return found.options

    async def lease(self, name: str, holder: str, ttl_s: float) -> Lease | None:
        """As the engine's: the right to be the only one to do something."""
        return await self.engine.lease(name, holder, ttl_s)

    async def release(self, lease: Lease) -> None:
        """As the engine's."""
        await self.engine.release(lease)

    async def channels(self) -> list[str]:
        """Channels that are in use or keep something, sorted. Raises ``EngineUnavailable``."""
        names = await self.engine.channels()
        return [name for name in names if not name.startswith(SYSTEM_PREFIX)]

    def channel_count(self) -> int:
        """Channels that somebody here is subscribed to."""
        return len(self._hub)

    def options(self, channel: str) -> ChannelOptions | None:
        found = self.find(channel)
        return None if found is None else found.options

    async def follow(
        self, channel: str, options: ChannelOptions, on_entries: OnEntries
    ) -> Snapshot:
        """Read a system channel (``$name``, its options given here) from now on.

        Answers its latest entry of each key; ``on_entries`` is told of what follows. Raises
        ``EngineUnavailable``.
        """
        return await self._followers.follow(channel, options, on_entries)

    # -- the engine's sink: ``settled`` and ``signalled`` are others' -----------------------------

    def applied(self, channel: str, entries: Sequence[Publication]) -> None:
        self.counters.publications += len(entries)
        room = self._hub.room(channel)
        if room is not None:
            self._hub.publish(room, entries)
        else:
            self._followers.applied(channel, entries)


def _key(command: AnyCommand | AppMessage | None, refusal: CommandRefused) -> CommandKey:
    if command is not None:
        return command.id
    if isinstance(refusal, Undecodable) and refusal.id is not None:
        return refusal.id
    return UNSET
