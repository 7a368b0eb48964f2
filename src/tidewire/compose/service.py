"""Service: one process's whole server, as an ASGI application.

HTTP comes in as ASGI; WebSockets come in through ``TidewireProtocol``, which
finds the front door in the lifespan state. Everything that lives as long as the
server does is started and stopped here.
"""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector
from starlette.routing import BaseRoute

from tidewire.app import App, AsgiApp, AsgiReceive, AsgiSend, Scope
from tidewire.clock import Clock, SystemClock
from tidewire.compose.assembly import Assembly
from tidewire.compose.gauges import gauges
from tidewire.compose.lifespan import MountedLifespan
from tidewire.compose.visitors import visitor_routes
from tidewire.config import Settings, Sources, check_exposure, load, read_keys
from tidewire.errors import TidewireError
from tidewire.http.asyncapi import asyncapi_routes
from tidewire.http.metrics import NodeCollector
from tidewire.http.routes import Routes
from tidewire.server.drain import DrainSentinel, drain
from tidewire.server.protocol import STATE_KEY

SWEEP_S = 1.0

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
        self._is_ready = False
        self._is_started = False
        self._starting = asyncio.Lock()
        self._drain_task: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop_lag_s = 0.0
        self._parts: Assembly | None = None
        self._http: AsgiApp
        self._private: AsgiApp

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
            await self._started()
            await self._http(scope, receive, send)
        else:  # another ASGI server's WebSocket: it was not started with our protocol
            parts = await self._started()
            await parts.asgi_door.serve(scope, receive, send)

    async def private(self, scope: Scope, receive: AsgiReceive, send: AsgiSend) -> None:
        """What the API's own port serves; runs only beside the public one."""
        await self._private(scope, receive, send)

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
        scope["state"][STATE_KEY] = self._running.door
        await send({"type": "lifespan.startup.complete"})
        try:
            await receive()
        except asyncio.CancelledError:
            return  # told to stop at once: the loop is closing, and nobody waits for an answer
        if mounted is not None:
            await mounted.stop()
        await self.stop()
        await send({"type": "lifespan.shutdown.complete"})

    async def start(self) -> None:
        """Raises ``TidewireError`` where it cannot."""
        parts = self._parts = Assembly(
            self._app, self._settings, self._clock, DrainSentinel(self.drain)
        )
        routes = self._routes(parts)
        self._http = routes.application(self._app.http, self._documents())
        self._private = routes.private()
        if parts.remote_keys is not None:
            await parts.remote_keys.start()
            self._keep(parts.remote_keys.keep_fresh())
        await parts.node.start()
        await parts.backend.start()
        self._app.attach(parts.node, parts.backend.book)
        await self._app.start()
        self._keep(self._turn_wheel(parts))
        self._keep(self._sweep(parts))
        _settle_garbage()
        self._is_started = self._is_ready = True

    async def _started(self) -> Assembly:
        """The parts; started now where the server has run no lifespan, as in a mount."""
        if not self._is_started:
            async with self._starting:
                if not self._is_started:
                    await self.start()
        return self._running

    @asynccontextmanager
    async def lifespan(self, _: object = None) -> AsyncIterator[None]:
        """Start, and stop when left: for the application this one is mounted in."""
        await self._started()
        try:
            yield
        finally:
            await self.stop()

    @property
    def _running(self) -> Assembly:
        assert self._parts is not None, "started"
        return self._parts

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def stopping(self) -> None:
        """The server has been asked to stop: not ready from now on, and no upgrade any more."""
        self._is_ready = False
        if self._parts is not None:
            self._parts.door.is_draining = True
            self._parts.desks.polls.close()

    def drain(self) -> asyncio.Task[None]:
        """Let every client go, once, however often it is asked."""
        self.stopping()
        if self._drain_task is None:
            deadline_s = self._settings.server.drain_timeout_s * SHARE_FOR_DRAIN
            parts = self._running
            self._drain_task = asyncio.create_task(drain(parts.node, parts.shared, deadline_s))
        return self._drain_task

    async def stop(self) -> None:
        await self.drain()
        await self._app.stop()
        self._app.attach(None)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._running.node.stop()

    async def _turn_wheel(self, parts: Assembly) -> None:
        """Heartbeats, and how late the loop lets them be."""
        slice_s = parts.shared.wheel.slice_s
        before = self._clock.monotonic()
        while True:
            await asyncio.sleep(slice_s)
            now = self._clock.monotonic()
            self._loop_lag_s = max(0.0, now - before - slice_s)
            parts.shared.turn_wheel(now - before)
            before = now

    async def _sweep(self, parts: Assembly) -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            parts.engine.sweep()
            parts.backend.sweep()

    # -- changing while it runs ----------------------------------------------------------------

    def set_limits(self, settings: Settings) -> None:
        """Take over ``settings.limits``; who is connected keeps its own rates."""
        self._running.set_limits(settings)

    def read_keys_again(self, settings: Settings) -> None:
        """Read the key files anew. Raises ``ConfigError``, and the old keys stay."""
        keys = self._running.keys
        if keys is not None:
            keys.take_own(read_keys(settings.auth))

    def take_api_keys(self, settings: Settings) -> None:
        """Take over ``settings.api.keys``. Raises ``ConfigError``, and the old keys stay."""
        self._running.backend.take_keys(settings)

    # -- HTTP ----------------------------------------------------------------------------------

    def _documents(self) -> Sequence[BaseRoute]:
        return asyncapi_routes(self._app.registry) if self._settings.api.asyncapi else ()

    def _lag_s(self) -> float:
        return self._loop_lag_s

    def _routes(self, parts: Assembly) -> Routes:
        registry = None
        if self._settings.api.metrics:
            found = gauges(self._app, parts, self._settings, self._lag_s)
            registry = CollectorRegistry()
            registry.register(NodeCollector(parts.counters, found))
            PlatformCollector(registry)
            ProcessCollector(registry=registry)
        is_split = self._settings.api.port is not None
        return Routes(
            parts.door,
            parts.backend.endpoint,
            registry,
            lambda: self._is_ready,
            visitors=visitor_routes(self._settings, parts.desks).routes(),
            has_own_port=is_split,
        )


def _settle_garbage() -> None:
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)


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
