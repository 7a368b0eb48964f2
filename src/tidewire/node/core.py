"""The node itself: what it does with commands, and with what its engine tells.

What is hot (``receive`` to ``engine.submit``, and the sink's two methods) is
synchronous; what may have to wait is a coroutine that the peer runs while it
reads nothing else, so that a client's order is kept.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from json.encoder import encode_basestring as quoted
from typing import Any, TypeAlias

from msgspec import UNSET, Struct

from tidewire.channels.options import ChannelOptions
from tidewire.channels.patterns import ChannelTable
from tidewire.clock import Clock
from tidewire.counters import Counters
from tidewire.dialects.base import Undecodable
from tidewire.engines.base import Engine, Receipt
from tidewire.errors import CommandRefused, EngineUnavailable, ErrorCode, HandshakeRefused
from tidewire.hub import Hub, Room
from tidewire.messages import (
    AnyCommand,
    Chat,
    Connected,
    Draining,
    Failure,
    History,
    Member,
    Ping,
    Pong,
    Presence,
    PresenceList,
    Publication,
    Publish,
    Published,
    Refresh,
    Refreshed,
    Signal,
    Subscribe,
    Unsubscribe,
    Unsubscribed,
)
from tidewire.node.announcer import Announcer
from tidewire.node.peer import CommandKey, Peer
from tidewire.node.recovery import Reader
from tidewire.security.rates import KeyedRates
from tidewire.security.user import User
from tidewire.session import Session, SessionLimits, rate_limited
from tidewire.tick import Tick
from tidewire.websocket import close_codes

logger = logging.getLogger("tidewire.node")

PROTOCOL_VERSION = 1
FEATURES = ("history", "presence", "recovery", "refresh")

Refresher: TypeAlias = Callable[[str], Awaitable[User]]
"""A newer token to its user; raises ``HandshakeRefused``."""

UseCase: TypeAlias = Callable[[], Coroutine[Any, Any, None]]
"""A command that may wait: not begun before its turn, so that cancelling it then leaves nothing."""

SMALL_CHARACTERS = 1024
"""Publications up to here are only counted: a burst of 40 is 160 KiB at most, in whatever script,
and fills no reader's queue. So the hot path stays free of a second rate."""

PONG = Pong()


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
        announcer: Announcer,
        user_rates: KeyedRates[str],
        refresh: Refresher,
        options: NodeOptions,
    ) -> None:
        self.counters = counters
        self._hub = hub
        self._engine = engine
        self._tick = tick
        self._channels = channels
        self._clock = clock
        self._announcer = announcer
        self._reader = Reader(engine, hub, announcer)
        self._user_rates = user_rates
        self._refresher = refresh
        self._options = options
        self._limits_told = options.session_limits.told()
        self._lobby: Room | None = None
        self._submitted = 0  # publications that have come in in this turn
        self._handlers: dict[type, Callable[[Peer, Any], None]] = {
            Ping: self._ping,
            Chat: self._publish,
            Publish: self._publish,
            Subscribe: self._subscribe,
            Unsubscribe: self._unsubscribe,
            History: self._history,
            Presence: self._presence,
            Refresh: self._refresh,
        }

    async def start(self) -> None:
        """Open the lobby. Raises ``EngineUnavailable``."""
        self._engine.start(self)
        lobby = self._options.lobby
        options = self._channels.options(lobby)
        if options is not None:
            self._lobby = await self._reader.open(lobby, options)

    async def stop(self) -> None:
        """Every submission in flight has ended when this returns."""
        await self._engine.stop()

    def set_limits(self, limits: SessionLimits) -> None:
        """What newcomers are told that they may do."""
        self._limits_told = limits.told()

    # -- coming and going ----------------------------------------------------------------------

    def welcome(self, peer: Peer) -> None:
        """The connection stands: tell the newcomer, and the others that it is here."""
        self.counters.connections += 1
        self.counters.opened += 1
        if self._lobby is not None:
            self._reader.enter(peer, self._lobby)
        peer.send(self._connected(peer))

    def _connected(self, peer: Peer) -> Connected:
        session, user, lobby = peer.session, peer.session.user, self._lobby
        place = None if lobby is None else session.subscriptions[lobby.name]
        return Connected(
            user_id=user.id,
            user_count=0 if lobby is None else self._announcer.count(lobby.name),
            client_id=session.client_id,
            heartbeat=self._options.heartbeat_s,
            protocol=PROTOCOL_VERSION,
            features=FEATURES,
            limits=self._limits_told,
            channel=UNSET if lobby is None else lobby.name,
            epoch=UNSET if place is None else place.epoch,
            seq=UNSET if place is None else place.seq,
            tag=UNSET if place is None else place.tag,
            info=user.info,
            expires_at=None if user.expires_at is None else int(user.expires_at),
        )

    def leave(self, peer: Peer, close_code: int) -> None:
        """The connection is gone, however it went. Nothing of it stays behind."""
        self.counters.connections -= 1
        self.counters.closed[close_code] += 1
        for channel in list(peer.session.subscriptions):
            self._exit(peer, channel)

    def _exit(self, peer: Peer, channel: str) -> None:
        peer.session.subscriptions.pop(channel, None)
        room = self._hub.room(channel)
        if room is None:
            return
        self._hub.leave(room, peer)
        self._announcer.leave(room, peer.session.user.id)
        self._close_if_empty(room)

    def _close_if_empty(self, room: Room) -> None:
        if room.is_empty and room is not self._lobby:
            self._hub.close(room)
            self._announcer.forget(room.name)
            self._engine.close(room.name)

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

    def receive(self, peer: Peer, text: str) -> None:
        """Act on one text message of a client, or answer why not."""
        command: AnyCommand | None = None
        try:
            command = peer.wire.decode(text)
            self._handlers[type(command)](peer, command)
        except CommandRefused as refusal:
            self._refuse(peer, _key(command, refusal), refusal)

    def receive_binary(self, peer: Peer, data: bytes) -> None:
        """The native dialect is text."""
        peer.close(close_codes.UNSUPPORTED_DATA)

    def refuse_frames(self, peer: Peer, wait_s: float) -> None:
        """The peer sends more frames than it may: tell it, and close when it goes on."""
        self._refuse(peer, UNSET, rate_limited("frames", wait_s))

    def _refuse(self, peer: Peer, key: CommandKey, refusal: CommandRefused) -> None:
        self.counters.rejected[refusal.code] += 1
        wait_s = refusal.retry_after_s
        peer.send(
            Failure(
                id=key,
                code=refusal.code,
                message=str(refusal),
                retry_after=UNSET if wait_s is None else math.ceil(wait_s * 1000) / 1000,
            )
        )
        too_many = STRIKES.get(refusal.code)
        if too_many is not None and peer.session.strike(self._tick.now):
            peer.close(too_many)

    def _ping(self, peer: Peer, command: Ping) -> None:
        if command.id is UNSET:
            peer.send(PONG)
        else:
            peer.send(Pong(id=command.id, timestamp=int(self._clock.time() * 1000)))

    def _publish(self, peer: Peer, command: Chat | Publish) -> None:
        session, channel, now = peer.session, command.channel, self._tick.now
        options = session.check_publish(self._channels.options(channel), now)
        entry = _entry(session, command)
        if len(entry.data) > SMALL_CHARACTERS:
            session.check_publication_bytes(len(entry.data.encode()), now)
        wait_s = self._user_rates.take(session.user.id, now)
        if wait_s:
            raise rate_limited("publications of this user", wait_s)
        receipt = None
        if command.id is not UNSET:
            session.ask()
            receipt = Receipt(channel, peer, command.id)
        if not self._engine.submit(entry, options, receipt):
            session.answered(command.id)
            raise CommandRefused("unavailable", "too many publications in flight", retry_after_s=1)
        self._submitted += 1

    def _unsubscribe(self, peer: Peer, command: Unsubscribe) -> None:
        peer.session.check_subscribed(command.channel)
        self._exit(peer, command.channel)
        peer.send(Unsubscribed(id=command.id, channel=command.channel))

    def _presence(self, peer: Peer, command: Presence) -> None:
        channel = command.channel
        peer.session.check_read(self._channels.options(channel))
        users: tuple[Member, ...] = ()
        if self._announcer.is_announced(channel):
            users = tuple(Member(each.id, each.info) for each in self._announcer.users(channel))
        peer.send(
            PresenceList(
                id=command.id,
                channel=channel,
                user_count=self._announcer.count(channel),
                users=users,
            )
        )

    # -- commands that may wait ----------------------------------------------------------------

    def _subscribe(self, peer: Peer, command: Subscribe) -> None:
        options = self._channels.options(command.channel)
        allowed = peer.session.check_subscribe(command.channel, options)
        self._run(peer, command.id, lambda: self._do_subscribe(peer, command, allowed))

    async def _do_subscribe(self, peer: Peer, command: Subscribe, options: ChannelOptions) -> None:
        try:
            await self._reader.subscribe(peer, command, options)
        finally:
            room = self._hub.room(command.channel)
            if room is not None:
                self._close_if_empty(room)

    def _history(self, peer: Peer, command: History) -> None:
        options = peer.session.check_read(self._channels.options(command.channel))
        self._run(peer, command.id, lambda: self._reader.history(peer, command, options))

    def _refresh(self, peer: Peer, command: Refresh) -> None:
        self._run(peer, command.id, lambda: self._do_refresh(peer, command))

    async def _do_refresh(self, peer: Peer, command: Refresh) -> None:
        try:
            user = await self._refresher(command.token)
        except HandshakeRefused:
            raise CommandRefused("forbidden", "the token was not accepted") from None
        peer.session.take_refreshed(user)
        expires_at = None if user.expires_at is None else int(user.expires_at)
        peer.send(Refreshed(id=command.id, expires_at=expires_at))

    def _run(self, peer: Peer, key: CommandKey, use_case: UseCase) -> None:
        peer.run(self._guard(peer, key, use_case))

    async def _guard(self, peer: Peer, key: CommandKey, use_case: UseCase) -> None:
        """Turn whatever goes wrong in ``use_case`` into the client's answer."""
        try:
            await use_case()
        except CommandRefused as refusal:
            self._refuse(peer, key, refusal)
        except EngineUnavailable:
            logger.warning("the engine is unavailable", exc_info=True)
            self._refuse(peer, key, TRY_LATER)
        except Exception:
            logger.exception("a command failed")
            self._refuse(peer, key, CommandRefused("internal", "internal error"))

    def channel_count(self) -> int:
        """Channels that somebody here is subscribed to."""
        return len(self._hub)

    # -- the application's own publications ----------------------------------------------------

    def options(self, channel: str) -> ChannelOptions | None:
        return self._channels.options(channel)

    def publish(self, entry: Publication, options: ChannelOptions, receipt: Receipt | None) -> None:
        """Publish without a session and its limits.

        A ``receipt`` whose sender can be called is handed to it when it has
        ended. Raises ``EngineUnavailable`` where too much is in flight.
        """
        self._tick.request()
        if not self._engine.submit(entry, options, receipt):
            raise EngineUnavailable("too many publications in flight")
        self._submitted += 1

    # -- the engine's sink ---------------------------------------------------------------------

    def applied(self, channel: str, entries: Sequence[Publication]) -> None:
        self.counters.publications += len(entries)
        room = self._hub.room(channel)
        if room is not None:
            self._hub.publish(room, entries)

    def signalled(self, channel: str, signals: Sequence[Signal]) -> None:
        raise NotImplementedError

    def settled(self, receipts: Sequence[Receipt]) -> None:
        for receipt in receipts:
            if callable(receipt.sender):
                receipt.sender(receipt)
            else:
                self._answer(receipt.sender, receipt)

    def observe_written(self) -> None:
        """The tick's last phase: what was submitted in it has been handed to the sockets.

        One observation for all, from the turn's first arrival: the worst of them.
        """
        if self._submitted:
            waited_s = self._clock.monotonic() - self._tick.now
            self.counters.publish_latency.observe(waited_s, self._submitted)
            self._submitted = 0

    def _answer(self, sender: Peer, receipt: Receipt) -> None:
        sender.session.answered(receipt.command_id)
        position = receipt.position
        if receipt.outcome != "accepted" or position is None:
            is_unknown = receipt.outcome == "unknown"
            code: ErrorCode = "unknown_outcome" if is_unknown else "unavailable"
            self._refuse(sender, receipt.command_id, CommandRefused(code, "try again later"))
            return
        sender.send(
            Published(
                id=receipt.command_id,
                channel=receipt.channel,
                epoch=position.epoch,
                seq=position.seq,
                tag=position.tag,
            )
        )


STRIKES = {
    "malformed": close_codes.POLICY_VIOLATION,
    "too_large": close_codes.POLICY_VIOLATION,
    "rate_limited": close_codes.TOO_MANY_MESSAGES,
}
"""What a well-meaning client does now and then, a broken or hostile one all the time; and the code
it is closed with: who was only too fast may come back, who cannot speak need not."""

TRY_LATER = CommandRefused("unavailable", "try again later", retry_after_s=1)


def _entry(session: Session, command: Chat | Publish) -> Publication:
    """The command as an entry whose place in the log the engine has yet to give it."""
    channel, user_id, client_id = command.channel, session.user.id, session.client_id
    if isinstance(command, Chat):
        data = f'{{"text":{quoted(command.text)}}}'
        return Publication(channel, 0, "", 0, user_id, client_id, data, "chat", command.once)
    data = "null" if command.data is UNSET else bytes(command.data).decode()
    once, key, ref = command.once, command.key, command.ref
    return Publication(channel, 0, "", 0, user_id, client_id, data, "message", once, key, ref)


def _key(command: AnyCommand | None, refusal: CommandRefused) -> CommandKey:
    if command is not None:
        return command.id
    if isinstance(refusal, Undecodable) and refusal.id is not None:
        return refusal.id
    return UNSET
