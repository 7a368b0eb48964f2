"""The node itself: its parts, which command goes where, and what its engine tells.

What is hot (``receive`` to the engine's ``submit``, and the sink's methods) is
synchronous; what may have to wait is a coroutine that the peer runs while it
reads nothing else, so that a client's order is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from msgspec import UNSET

from tidewire.channels.patterns import ChannelTable
from tidewire.clock import Clock
from tidewire.counters import Counters
from tidewire.dialects.base import Undecodable
from tidewire.engines.base import Engine
from tidewire.errors import CommandRefused
from tidewire.hub import Hub
from tidewire.messages import (
    AnyCommand,
    AppMessage,
    Call,
    Chat,
    History,
    Ping,
    Presence,
    Publication,
    Publish,
    Refresh,
    SignalCommand,
    State,
    Subscribe,
    Unsubscribe,
)
from tidewire.node.announcer import Announcer
from tidewire.node.answers import Answers
from tidewire.node.application import Application, NoApplication
from tidewire.node.arrivals import FEATURES, Arrivals, NodeOptions
from tidewire.node.following import Followers
from tidewire.node.gate import HANDLERS, HOOKS, Gate
from tidewire.node.peer import CommandKey, Peer
from tidewire.node.permissions import Permissions
from tidewire.node.presence import Attendance
from tidewire.node.publishing import SMALL_CHARACTERS, Publisher
from tidewire.node.reading import Reader
from tidewire.node.recovery import Recoverer
from tidewire.node.registry import Clients
from tidewire.node.requests import Refresher, Requests
from tidewire.node.rooms import Rooms
from tidewire.node.services import Services
from tidewire.node.signals import Signals
from tidewire.node.subscribing import Subscriber
from tidewire.security.grants import Grants
from tidewire.security.rates import SharedBuckets
from tidewire.session import SessionLimits, rate_limited
from tidewire.tick import Tick
from tidewire.websocket import close_codes

__all__ = ["FEATURES", "Node", "NodeOptions"]

FOR_THE_APPLICATION = (Call, AppMessage)
"""They share the rate in bytes of what is published: to decode 64 KiB of brackets takes 2 ms, and
at the rate of frames alone one client could have the loop to itself."""


class Node(Services):
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
        self.engine = engine
        self.clock = clock
        self.counters = counters
        self.clients = clients
        self.grants = grants
        self.application = app = application or NoApplication()
        self.hooks, self.handlers = Gate(HOOKS), Gate(HANDLERS)
        self._hub = hub
        self._tick = tick
        self._announcer = announcer
        self._lobby_name = options.lobby
        self._answers = answers = Answers(counters, tick)
        self._permissions = permissions = Permissions(channels, app, self.hooks)
        self._followers = Followers(engine)
        self._rooms = Rooms(engine, hub, announcer, app, options.lobby)
        self._subscriber = Subscriber(
            permissions, answers, self._rooms,
            recoverer=Recoverer(engine, self._rooms), grants=grants, clock=clock,
        )  # fmt: skip
        self._publisher = Publisher(
            engine, permissions, answers, app, self.hooks,
            clock=clock, tick=tick, counters=counters, user_rates=user_rates,
        )  # fmt: skip
        self._signals = Signals(engine, hub, permissions, answers, tick=tick, user_rates=user_rates)
        self._arrivals = Arrivals(
            permissions, answers, self._rooms, self._subscriber,
            announcer=announcer, application=app, hooks=self.hooks, clients=clients,
            counters=counters, grants=grants, options=options,
        )  # fmt: skip
        self._handlers = self._table(
            Reader(engine, permissions, answers),
            Attendance(announcer, hub, permissions, answers, self._signals),
            Requests(
                answers, self._subscriber, announcer, app, self.handlers,
                refresher=refresh, clock=clock,
            ),
        )  # fmt: skip
        self.welcome, self.attend = self._arrivals.welcome, self._arrivals.attend
        self.leave = self._arrivals.leave
        self.settled = self._publisher.settled
        self.observe_written = self._publisher.observe_written
        self.signalled = self._signals.signalled

    def _table(
        self, reader: Reader, attendance: Attendance, requests: Requests
    ) -> dict[type, Callable[[Peer, Any], None]]:
        """Who acts on which command."""
        return {
            Ping: requests.ping,
            Chat: self._publisher.publish,
            Publish: self._publisher.publish,
            Subscribe: self._subscriber.subscribe,
            Unsubscribe: self._subscriber.unsubscribe,
            History: reader.history,
            Presence: attendance.ask,
            SignalCommand: self._signals.signal,
            State: attendance.set_state,
            Call: requests.call,
            Refresh: requests.refresh,
            AppMessage: requests.app_message,
        }

    async def start(self) -> None:
        """Open the lobby. Raises ``EngineUnavailable``."""
        self.engine.start(self)
        lobby = self.find(self._lobby_name)
        if lobby is not None:
            self._arrivals.lobby = await self._rooms.open(lobby)

    async def stop(self) -> None:
        """Every submission in flight has ended when this returns."""
        await self.engine.stop()

    def set_limits(self, limits: SessionLimits) -> None:
        """What newcomers are told that they may do."""
        self._arrivals.limits_told = limits.told()

    def fell_behind(self, peer: Peer) -> None:
        """It reads too slowly: its channels' rules say what becomes of what it cannot take."""
        self._hub.fall_behind(peer, peer.session.subscriptions)

    def caught_up(self, peer: Peer) -> None:
        """It takes more again."""
        self._hub.catch_up(peer)

    def announce_drain(self, peers: Iterable[Peer], window_s: float) -> None:
        """Tell ``peers`` to come back at a random moment within ``window_s`` seconds."""
        for peer in peers:
            peer.send(self._subscriber.draining(peer, window_s))

    # -- commands ------------------------------------------------------------------------------

    def receive(self, peer: Peer, text: str | bytes) -> None:
        """Act on one message of a client, or answer why not."""
        wire = peer.wire
        if wire.is_binary and isinstance(text, str):  # not as agreed on
            peer.close(close_codes.UNSUPPORTED_DATA)
            return
        command: AnyCommand | AppMessage | None = None
        try:
            command = wire.decode(text)
            traffic = self.counters.traffic
            traffic.skip -= 1
            if not traffic.skip:
                self._sample(peer, command, len(text))
            if len(text) > SMALL_CHARACTERS and isinstance(command, FOR_THE_APPLICATION):
                peer.session.check_publication_bytes(len(text), self._tick.now)
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
        if peer.wire.is_binary:
            self.receive(peer, data)
        else:
            peer.close(close_codes.UNSUPPORTED_DATA)

    def refuse_frames(self, peer: Peer, wait_s: float) -> None:
        """The peer sends more frames than it may: tell it, and close when it goes on."""
        self._answers.refuse(peer, UNSET, rate_limited("frames", wait_s))

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
