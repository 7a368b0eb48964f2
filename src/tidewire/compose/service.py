"""Service: one process's whole server, as an ASGI application.

HTTP comes in as ASGI; WebSockets come in through ``TidewireProtocol``, which
finds the front door in the lifespan state. Everything that lives as long as the
server does is started and stopped here.
"""

from __future__ import annotations

import asyncio
import gc
import os
import secrets
from collections.abc import Callable
from typing import Any

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector

from tidewire.api.metrics import NodeCollector
from tidewire.api.routes import Routes
from tidewire.app import App, AsgiApp, AsgiReceive, AsgiSend, Scope
from tidewire.clock import Clock, SystemClock
from tidewire.compose import parts
from tidewire.compose.lifespan import MountedLifespan
from tidewire.config import Settings, Sources, check_exposure, load
from tidewire.counters import Counters
from tidewire.dialects.native import NativeDialect
from tidewire.engines.memory import MemoryEngine, MemoryLimits
from tidewire.errors import TidewireError
from tidewire.hub import Hub
from tidewire.node.announcer import Announcer
from tidewire.node.core import Node, NodeOptions
from tidewire.security.admission import ConnectionLimits
from tidewire.security.ids import TagSource, readable_id
from tidewire.security.origin import ANY
from tidewire.security.proxies import TrustedProxies
from tidewire.security.rates import KeyedRates, Rate
from tidewire.security.tickets import TicketOffice
from tidewire.server.admission import Admission
from tidewire.server.connection import Connection, Shared
from tidewire.server.door import FrontDoor
from tidewire.server.drain import DrainSentinel, drain
from tidewire.server.heartbeat import HeartbeatWheel
from tidewire.server.protocol import STATE_KEY
from tidewire.server.wires import DeflateWire, PlainWire
from tidewire.tick import Tick
from tidewire.websocket.deflate import MAX_WINDOW_BITS, MIN_WINDOW_BITS

MAX_USERS_RATED = 100_000
"""Users whose publication rate is remembered at a time; some 20 MiB when full."""

EPOCH_LENGTH = 8

SWEEP_S = 1.0

MIN_SLICE_S = 0.05
"""Of the heartbeat wheel: finer would only wake an idle process more often."""

SHARE_FOR_DRAIN = 0.9
"""Of the stop's deadline; the rest is for the application's own shutdown."""

GC_THRESHOLDS = (50_000, 20, 100)
"""A full collection takes 101 ms at 424,000 objects. What there is after the start is frozen, and a
closed connection leaves no cycle, so collecting rarely costs nothing."""


class Service:
    """Everything of one server process. Build it in any thread, run it in one event loop."""

    def __init__(self, app: App, settings: Settings, clock: Clock | None = None) -> None:
        self._app = app
        self._settings = settings
        self._clock = clock or SystemClock()
        self._counters = Counters()
        self._is_ready = False
        self._drain_task: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop_lag_s = 0.0
        self._http: AsgiApp
        self._door: FrontDoor
        self._node: Node
        self._shared: Shared
        self._engine: MemoryEngine

    def with_settings(self, settings: Settings) -> Service:
        """The same application under other settings."""
        return Service(self._app, settings, self._clock)

    @property
    def has_authenticate(self) -> bool:
        return self._app.has_authenticate

    async def __call__(self, scope: Scope, receive: AsgiReceive, send: AsgiSend) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(scope, receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        else:  # another ASGI server's WebSocket: it was not started with our protocol
            await send({"type": "websocket.close", "code": 1011})

    # -- life ----------------------------------------------------------------------------------

    async def _lifespan(self, scope: Scope, receive: AsgiReceive, send: AsgiSend) -> None:
        await receive()
        mounted = None if self._app.http is None else MountedLifespan(self._app.http, scope)
        try:
            await self.start()
            if mounted is not None:
                await mounted.start()
        except TidewireError as error:
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        scope["state"][STATE_KEY] = self._door
        await send({"type": "lifespan.startup.complete"})
        await receive()
        if mounted is not None:
            await mounted.stop()
        await self.stop()
        await send({"type": "lifespan.shutdown.complete"})

    async def start(self) -> None:
        """Raises ``TidewireError`` where it cannot."""
        loop = asyncio.get_running_loop()
        self._build(loop)
        await self._node.start()
        self._app.attach(self._node)
        self._keep(loop.create_task(self._turn_wheel()))
        self._keep(loop.create_task(self._sweep()))
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        self._is_ready = True

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def stopping(self) -> None:
        """The server has been asked to stop: not ready from now on, and no upgrade any more."""
        self._is_ready = False
        if hasattr(self, "_door"):
            self._door.is_draining = True

    def drain(self) -> asyncio.Task[None]:
        """Let every client go, once, however often it is asked."""
        self.stopping()
        if self._drain_task is None:
            deadline_s = self._settings.server.drain_timeout_s * SHARE_FOR_DRAIN
            self._drain_task = asyncio.create_task(drain(self._node, self._shared, deadline_s))
        return self._drain_task

    async def stop(self) -> None:
        await self.drain()
        self._app.attach(None)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._node.stop()

    async def _turn_wheel(self) -> None:
        """Heartbeats, and how late the loop lets them be."""
        slice_s = self._shared.wheel.slice_s
        before = self._clock.monotonic()
        while True:
            await asyncio.sleep(slice_s)
            now = self._clock.monotonic()
            self._loop_lag_s = max(0.0, now - before - slice_s)
            self._shared.turn_wheel(now - before)
            before = now

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            self._engine.sweep()

    # -- building ------------------------------------------------------------------------------

    def _build(self, loop: asyncio.AbstractEventLoop) -> None:
        settings, counters, clock = self._settings, self._counters, self._clock
        tick = Tick(loop.call_soon, clock.monotonic)
        hub = Hub(loop.call_soon, tick.request, counters)
        channels = parts.channel_table(settings)
        engine = MemoryEngine(
            clock,
            lambda: readable_id(EPOCH_LENGTH),
            TagSource(),
            MemoryLimits(settings.history.total_entries, settings.history.total_bytes),
        )
        admission = self._admission(clock)
        node = Node(
            engine=engine,
            hub=hub,
            tick=tick,
            channels=channels,
            clock=clock,
            counters=counters,
            announcer=Announcer(
                hub, channels, loop.call_later, settings.lobby.occupancy_interval_s
            ),
            user_rates=KeyedRates(
                Rate(settings.limits.user_publications_per_s,
                     settings.limits.user_publications_burst),
                MAX_USERS_RATED,
            ),
            refresh=admission.refresh,
            options=NodeOptions(
                session_limits=parts.session_limits(settings),
                heartbeat_s=settings.heartbeat.interval_s,
                lobby=settings.lobby.channel,
            ),
        )  # fmt: skip
        counts = ConnectionLimits(
            total=parts.total_connections(settings),
            per_user=settings.limits.connections_per_user,
            per_ip=settings.limits.connections_per_ip,
            unfinished_per_ip=settings.limits.unfinished_handshakes_per_ip,
        )
        self._shared = Shared(
            handler=node,
            limits=parts.connection_limits(settings),
            clock=clock,
            counters=counters,
            tick=tick,
            wheel=HeartbeatWheel(_slice_s(settings)),
            loop=loop,
            ended=_ended(counts),
        )
        tick.set_phases(engine.drain, hub.flush, self._shared.flush, node.observe_written)
        self._engine, self._node = engine, node
        self._door = self._front_door(admission, counts)
        self._http = self._routes().application(self._app.http)

    def _admission(self, clock: Clock) -> Admission:
        settings = self._settings
        return Admission(
            origins=parts.origin_policy(settings),
            allows_any_origin=ANY in settings.origins.allowed,
            verifier=parts.token_verifier(settings),
            tickets=TicketOffice(secrets.token_bytes, ttl_s=settings.auth.ticket_ttl_s),
            clock=clock,
            cookie_name=settings.auth.cookie,
            allows_anonymous=settings.auth.anonymous,
            authenticate=self._app.authenticate_hook,
        )

    def _front_door(self, admission: Admission, counts: ConnectionLimits) -> FrontDoor:
        settings, dialect = self._settings, NativeDialect()
        compression = settings.compression
        deflate_wires = {
            bits: DeflateWire(dialect, min(bits, compression.window_bits), compression.min_bytes)
            for bits in range(MIN_WINDOW_BITS, MAX_WINDOW_BITS + 1)
        }
        return FrontDoor(
            admission=admission,
            connections=counts,
            proxies=TrustedProxies(map(str, settings.proxy.trusted)),
            paths=settings.server.websocket_paths,
            head_limits=parts.head_limits(settings),
            receive_limits=parts.receive_limits(settings),
            wire=PlainWire(dialect),
            deflate_wires=deflate_wires if compression.enabled else {},
            shared=self._shared,
            sentinel=DrainSentinel(self.drain),
            ticket_ttl_s=settings.auth.ticket_ttl_s,
        )

    def _routes(self) -> Routes:
        registry = None
        if self._settings.api.metrics:
            registry = CollectorRegistry()
            registry.register(NodeCollector(self._counters, self._gauges()))
            PlatformCollector(registry)
            ProcessCollector(registry=registry)
        return Routes(self._door, registry, lambda: self._is_ready)

    def _gauges(self) -> dict[str, tuple[str, Callable[[], float]]]:
        engine = self._engine
        return {
            "tidewire_channels": ("Channels with a subscriber here.", self._node.channel_count),
            "tidewire_history_entries": ("Entries in memory.", lambda: engine.entries),
            "tidewire_history_bytes": ("Bytes of them.", lambda: engine.bytes),
            "tidewire_event_loop_lag_seconds": (
                "How late the last heartbeat was.", lambda: self._loop_lag_s,
            ),
        }  # fmt: skip


def asgi(app: Any, settings: Settings | None = None) -> Service:
    """An ASGI application of ``app`` (an ``App``, or any ASGI application to mount).

    Run it with ``tidewire serve``, or with ``uvicorn --http
    tidewire.server.protocol:TidewireProtocol``. Without ``settings`` they are read
    from the environment and files, as ``tidewire serve`` does. Raises ``ConfigError``.
    """
    if not isinstance(app, App):
        mounted, app = app, App()
        app.mount(mounted)
    if settings is None:
        settings = load(Sources(environment=os.environ)).settings
        check_exposure(settings, app_authenticates=app.has_authenticate)
    return Service(app, settings)


def _slice_s(settings: Settings) -> float:
    heartbeat = settings.heartbeat
    longest = max(heartbeat.interval_s, heartbeat.timeout_s)
    return max(MIN_SLICE_S, min(heartbeat.interval_s, heartbeat.timeout_s) / 20, longest / 500)


def _ended(counts: ConnectionLimits) -> Callable[[Connection], None]:
    def ended(connection: Connection) -> None:
        counts.leave(connection.session.user.id, connection.limited_ip)

    return ended
