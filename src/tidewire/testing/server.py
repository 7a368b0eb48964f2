"""A whole server inside a test: real sockets on loopback, on a port of the kernel's choosing.

    async with serve(app) as server:
        ann = await server.connect("ann")
        await ann.send({"type": "move", "x": 3, "y": 4})
        await ann.expect("moved", timeout_s=5)

Nothing of it is a stand-in: what a test sees is what a client would. Everybody is
let in, and rates are lifted, unless ``settings`` say otherwise.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import AsyncIterator, Coroutine, Generator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from functools import partial
from typing import Any, TypedDict, Unpack

from msgspec.structs import replace
from uvicorn import Config

from tidewire.app import App
from tidewire.clock import Clock, SystemClock
from tidewire.compose.service import Service
from tidewire.config import Auth, Limits, Settings, read_secrets
from tidewire.config.values import Secret
from tidewire.errors import StartFailed
from tidewire.security.issuing import TokenIssuer
from tidewire.server.listening import listen_tcp
from tidewire.server.protocol import TidewireProtocol
from tidewire.server.runner import Runner
from tidewire.testing.client import Client, DialectName, connect
from tidewire.testing.proxy import FaultProxy
from tidewire.testing.recorder import Recorder

UNHURRIED = Limits(
    publications_per_s=100_000,
    publications_burst=100_000,
    publication_bytes_per_s=1_000_000_000,
    publication_bytes_burst=1_000_000_000,
    user_publications_per_s=100_000,
    user_publications_burst=100_000,
    frames_per_s=100_000,
    frames_burst=100_000,
    subscribes_per_s=100_000,
    subscribes_burst=100_000,
)
"""No test of what is said should fail because it was said too fast."""


class ConnectKeywords(TypedDict, total=False):
    """As ``tidewire.testing.client.connect`` takes them."""

    token: str | None
    headers: Iterable[tuple[str, str]]
    dialect: DialectName
    compression: bool
    timeout_s: float | None


class Server:
    """A running server. Leaving ``serve`` closes every client it has connected."""

    def __init__(self, port: int, settings: Settings, clock: Clock, stack: AsyncExitStack) -> None:
        self.port = port
        self._settings = settings
        self._clock = clock
        self._stack = stack

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def websocket_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws"

    def token(self, user_id: str, **claims: Any) -> str:
        """A token for ``user_id``, as the server's settings want it; more ``claims`` as given."""
        auth, now = self._settings.auth, self._clock.time()
        issuer = TokenIssuer(read_secrets(auth)[0], auth.algorithm)
        known = {"sub": user_id, "iat": int(now), "exp": int(now + 3600)}
        known |= {"iss": auth.issuer, "aud": auth.audience}
        said = {name: value for name, value in (known | claims).items() if value is not None}
        return issuer.sign(said)

    async def connect(
        self, user_id: str | None = None, **options: Unpack[ConnectKeywords]
    ) -> Client:
        """A client that has been connected: as ``user_id``, by ``options``, or as a guest."""
        if user_id is not None:
            options["token"] = self.token(user_id)
        client = await connect(self.websocket_url, **options)
        return await self._stack.enter_async_context(client)

    def recorder(self) -> Recorder:
        """Publishers and subscribers who write down what they do and see, to be checked."""
        return Recorder(partial(connect, self.websocket_url))

    async def proxy(self) -> FaultProxy:
        """A proxy in front of the server that fails on command; clients connect to its port."""
        return await self._stack.enter_async_context(FaultProxy(self.port))


@asynccontextmanager
async def serve(
    app: App | None = None, settings: Settings | None = None, *, clock: Clock | None = None
) -> AsyncIterator[Server]:
    """A running server, from entering to leaving. Raises ``StartFailed`` where it cannot start.

    With a ``FakeClock`` its rates, retention and expiry go by that; sleeping does not.
    """
    settings, clock = for_tests(settings), clock or SystemClock()
    service = Service(app or App(), settings, clock)
    config = Config(service, http=TidewireProtocol, ws="none", lifespan="on", log_config=None)
    started = asyncio.Event()
    runner = _GuestRunner(
        config, stopping=service.stopping, reload=lambda: None, listening=started.set
    )
    listener = listen_tcp("127.0.0.1", 0)
    running = asyncio.create_task(runner.serve(sockets=[listener]))
    try:
        await _first_of(started.wait(), running)
        if not started.is_set():
            raise StartFailed("the server did not start; the log says why")
        async with AsyncExitStack() as stack:
            yield Server(listener.getsockname()[1], settings, clock, stack)
    finally:
        runner.should_exit = True
        await running
        listener.close()


class _GuestRunner(Runner):
    """Leaves the process to the test runner: Ctrl+C is meant for that, and nothing here exits."""

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        with suppress(SystemExit):  # the start has failed
            await super().serve(sockets)

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


async def _first_of(wanted: Coroutine[Any, Any, Any], other: asyncio.Task[None]) -> None:
    """Wait for ``wanted``, unless ``other`` ends before it."""
    waiting = asyncio.create_task(wanted)
    await asyncio.wait((waiting, other), return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()


def for_tests(settings: Settings | None) -> Settings:
    """``settings``, or those that let everybody in; with a secret to sign tokens with."""
    given = settings or Settings(auth=Auth(anonymous=True), limits=UNHURRIED)
    if read_secrets(given.auth):
        return given
    return replace(given, auth=replace(given.auth, secrets=(Secret(secrets.token_hex(32)),)))
