"""A whole node on a stage: fake loop, fake clock, fake peers, and an engine that is real."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import count
from typing import Any

from tests.support.engines import SlowEngine
from tests.support.loops import FakeLoop, drive
from tests.support.peers import FakePeer, LineWire
from tidewire.channels.options import ChannelOptions
from tidewire.channels.patterns import ChannelTable
from tidewire.counters import Counters
from tidewire.engines.memory import MemoryEngine
from tidewire.errors import HandshakeRefused
from tidewire.hub import Hub
from tidewire.messages import Position
from tidewire.node.announcer import Announcer
from tidewire.node.application import Application
from tidewire.node.core import Node, NodeOptions
from tidewire.node.registry import Clients
from tidewire.security.grants import Grants
from tidewire.security.rates import Rate, SharedBuckets
from tidewire.security.user import User
from tidewire.session import Session, SessionLimits
from tidewire.testing.clock import FakeClock
from tidewire.tick import Tick

GENEROUS = SessionLimits(publications=Rate(1000, 1000), frames=Rate(1000, 1000))

CHANNELS = (
    ("lobby", ChannelOptions(announce_up_to=3)),
    ("room:{name}", ChannelOptions()),
    ("brief", ChannelOptions(history_size=3)),
    ("members", ChannelOptions(may_subscribe="authenticated", may_publish="authenticated")),
    ("notices", ChannelOptions(may_publish="nobody")),
    ("vault", ChannelOptions(may_subscribe="nobody", may_publish="nobody")),
)
OCCUPANCY_INTERVAL_S = 1.0


class Stage:
    """Connect clients, let them speak, and read what they were told."""

    def __init__(
        self,
        *,
        limits: SessionLimits = GENEROUS,
        user_rate: Rate | None = None,
        engine: type[MemoryEngine] = MemoryEngine,
        lobby: str = "lobby",
        channels: Iterable[tuple[str, ChannelOptions]] = CHANNELS,
        application: Application | None = None,
    ) -> None:
        self.clock = FakeClock()
        self.loop = FakeLoop(self.clock)
        self.counters = Counters()
        self.tick = Tick(self.loop.call_soon, self.clock.monotonic)
        clients = Clients()
        self.hub = Hub(self.loop.call_soon, self.tick.request, self.counters, clients.by_id)
        epochs, tags = count(1), count(1)
        self.engine = engine(
            self.clock, lambda: f"e{next(epochs)}", lambda n: [f"t{next(tags)}" for _ in range(n)]
        )
        self.wire = LineWire()
        self._limits = limits
        self._clients = count(1)
        self.tokens: dict[str, User] = {}
        table = ChannelTable(channels)
        self.node = Node(
            engine=self.engine,
            hub=self.hub,
            tick=self.tick,
            channels=table,
            clock=self.clock,
            counters=self.counters,
            clients=clients,
            announcer=Announcer(self.hub, table, self.loop.call_later, OCCUPANCY_INTERVAL_S),
            user_rates=SharedBuckets(user_rate or Rate(1000, 1000), 100),
            refresh=self._refresh,
            grants=Grants(b"a secret of this stage"),
            application=application,
            options=NodeOptions(session_limits=limits, lobby=lobby),
        )
        self.tick.set_phases(
            self.engine.drain,
            self.hub.flush,
            self.node.observe_written,
            has_more=lambda: self.engine.has_work or self.hub.has_work,
        )
        drive(self.node.start())

    async def _refresh(self, token: str) -> User:
        if token not in self.tokens:
            raise HandshakeRefused(401, "unauthorized", "no such token")
        return self.tokens[token]

    def peer(self, user: str | User = "ann", wire: LineWire | None = None) -> FakePeer:
        """A client that has not been welcomed."""
        who = user if isinstance(user, User) else User(user)
        session = Session(f"c{next(self._clients)}", who, self._limits)
        return FakePeer(session, wire or self.wire)

    def connect(self, user: str | User = "ann", wire: LineWire | None = None) -> FakePeer:
        """A client that is connected; what it was told has still to be read."""
        peer = self.peer(user, wire)
        self.node.welcome(peer)
        peer.step()
        self.loop.settle()
        return peer

    def send(self, peer: FakePeer, kind: str, **fields: Any) -> None:
        """One message of a client, in a turn of its own; a command that waits stays waiting."""
        self.receive(peer, json.dumps({"type": kind, **fields}))
        self.loop.settle()

    def receive(self, peer: FakePeer, text: str) -> None:
        """One message of a client; the turn goes on."""
        self.tick.request()
        self.node.receive(peer, text)
        peer.step()

    def ask(self, peer: FakePeer, kind: str, **fields: Any) -> dict[str, Any]:
        """One message of a client, and the one answer."""
        peer.take()
        self.send(peer, kind, **fields)
        return peer.answer()

    def fill(self, peer: FakePeer) -> None:
        """It reads too slowly: its transport is full."""
        peer.is_behind = True
        self.node.fell_behind(peer)

    def drain(self, peer: FakePeer) -> None:
        """It has read: its transport takes more."""
        peer.is_behind = False
        self.node.caught_up(peer)

    def leave(self, peer: FakePeer, close_code: int = 1001) -> None:
        """Its connection is gone, and what it waited for with it."""
        self.node.leave(peer, close_code)
        peer.cancel()
        self.loop.settle()


class SlowStage(Stage):
    """A stage whose engine answers when it is told to."""

    engine: SlowEngine

    def __init__(self, channels: Iterable[tuple[str, ChannelOptions]] = CHANNELS) -> None:
        super().__init__(engine=SlowEngine, channels=channels)
        self.engine.is_slow = True

    def answer(self, peer: FakePeer) -> None:
        """Let the engine answer whatever it is asked, until ``peer``'s command has ended."""
        while peer.command is not None:
            while self.engine.waiting:
                self.engine.waiting.popleft().open()
            peer.catch_up()
            peer.step()
            self.loop.settle()


def since(message: dict[str, Any]) -> dict[str, Any]:
    """The position a client keeps of ``message``."""
    return {name: message[name] for name in ("epoch", "seq", "tag")}


def position(message: dict[str, Any]) -> Position:
    return Position(message["epoch"], message["seq"], message["tag"])
