"""The App itself: what it is while the server runs.

app = App()

@app.on(Move)
async def move(client: Client, move: Move) -> None: ...

app.mount(fastapi_app)                       # HTTP, on the same port
await app.publish("lobby", {"text": "hi"})   # from anywhere in it
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from typing import Any, TypeAlias

from tidewire.app.application import AppSide
from tidewire.app.declaring import Declares
from tidewire.app.handlers import Handler
from tidewire.app.link import Link
from tidewire.app.notices import Notices
from tidewire.app.reading import Reads
from tidewire.app.refused import Refused
from tidewire.app.registry import Registry
from tidewire.app.revoking import Revokes
from tidewire.app.ticking import LoopTime, Right, tick
from tidewire.app.workers import Around, Workers, WorkLimits
from tidewire.errors import PeerError, StartFailed
from tidewire.node.core import Node
from tidewire.node.revocations import RevocationBook
from tidewire.security.handshake import Handshake
from tidewire.security.user import User
from tidewire.server.admission import Authenticate

logger = logging.getLogger("tidewire.app")

Scope: TypeAlias = MutableMapping[str, Any]
AsgiMessage: TypeAlias = MutableMapping[str, Any]
AsgiReceive: TypeAlias = Callable[[], Awaitable[AsgiMessage]]
AsgiSend: TypeAlias = Callable[[AsgiMessage], Awaitable[None]]
AsgiApp: TypeAlias = Callable[[Scope, AsgiReceive, AsgiSend], Awaitable[None]]

LAST_HOOKS_S = 5.0
"""How long the stop waits for ``on_disconnect`` and its like: everybody leaves at once then."""


class App(Declares, Reads, Revokes):
    """An application: its messages, handlers, hooks and channels, its HTTP side, and publishing."""

    def __init__(self, *, work: WorkLimits = WorkLimits()) -> None:  # noqa: B008 (frozen)
        super().__init__()
        self._http: AsgiApp | None = None
        self._workers = Workers(work, time.perf_counter)
        self._notices = Notices()
        self._side = AppSide(self._registry, self._workers, self._notices, self._linked)
        self._tasks: set[asyncio.Task[None]] = set()

    def mount(self, http: Any) -> None:
        """Serve every HTTP request that is not Tidewire's with this ASGI application."""
        self._http = http

    def around_threads(self, around: Around) -> None:
        """Run every ``def`` function within what ``around`` answers, a context manager.

        It is entered and left in the function's own thread, each time.
        """
        self._workers.around = around

    # -- what the server uses ------------------------------------------------------------------

    @property
    def http(self) -> AsgiApp | None:
        return self._http

    @property
    def registry(self) -> Registry:
        """What is declared: for the channel table, and for those who describe it."""
        return self._registry

    @property
    def workers(self) -> Workers:
        """What its functions run in."""
        return self._workers

    @property
    def side(self) -> AppSide:
        """What the node asks of it."""
        return self._side

    @property
    def has_authenticate(self) -> bool:
        return self._registry.hooks.has("authenticate")

    @property
    def authenticate_hook(self) -> Authenticate | None:
        """The function as it was given."""
        handlers = self._registry.hooks.of("authenticate")
        return handlers[0].function if handlers else None

    @property
    def authenticator(self) -> Authenticate | None:
        """The same as the server calls it: ``def`` in a thread, within its time limit."""
        handlers = self._registry.hooks.of("authenticate")
        return self._identify if handlers else None

    async def _identify(self, handshake: Handshake) -> User | None:
        (handler,) = self._registry.hooks.of("authenticate")
        try:
            answer = await self._workers.run(handler, handshake)
        except Refused:
            return None
        user: User | None = await answer if inspect.isawaitable(answer) else answer
        return user

    def attach(self, node: Node | None, book: RevocationBook | None = None) -> None:
        """The server runs with ``node``; None when it has stopped. ``book`` keeps revocations."""
        if self._link is not None:
            self._link.close()
        self._book = book
        self._link = None if node is None else Link(node, _loop_or_none())

    async def start(self) -> None:
        """Before the first client may come. Raises ``StartFailed`` where ``on_start`` fails."""
        self._workers.start()
        self._notices.start()
        for handler in self._registry.hooks.of("on_start"):
            try:
                await self._workers.run(handler)
            except PeerError as error:
                raise StartFailed(f"{handler.name} failed: {error.__cause__ or error}") from error
        for handler in self._registry.hooks.of("background"):
            self._keep(self._run_in_background(handler))
        holder = secrets.token_hex(8)
        for each in self._registry.tickers:
            right = Right(each.lease, holder, self._linked().node, LoopTime())
            self._keep(tick(each, right, self._workers.run_safely, LoopTime()))

    async def stop(self) -> None:
        """After the last client has gone."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._notices.finish(LAST_HOOKS_S)
        for handler in self._registry.hooks.of("on_stop"):
            await self._workers.run_safely(handler)
        self._workers.stop()

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run_in_background(self, handler: Handler) -> None:
        """Its end is not the server's, but nobody should have to guess that it has ended."""
        try:
            await handler.function()
        except Exception:
            logger.exception("a background task failed", extra={"handler": handler.name})


def _loop_or_none() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
