"""The server of ``testing.server`` for tests that are not ``async``: in a thread of its own.

with running(app) as server:
    ann = server.connect("ann")
    ann.send({"type": "move", "x": 3, "y": 4})
    ann.expect("moved")
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, Unpack

from tidewire.app import App
from tidewire.clock import Clock
from tidewire.config import Settings
from tidewire.testing.client import Client, Message
from tidewire.testing.proxy import FaultProxy
from tidewire.testing.server import ConnectKeywords, Server, serve

T = TypeVar("T")

PATIENCE_S = 30.0
"""Unless a test says otherwise. Reaching it means that nothing comes, however busy the machine."""

NOTHING_FOR_S = 0.1
"""How long a client listens before it says that it heard nothing: two round trips on loopback
take a hundredth of it."""


class LoopThread:
    """An event loop in a thread, for as long as a test."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="tidewire-test", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    def do(self, work: Coroutine[Any, Any, T], timeout_s: float | None = PATIENCE_S) -> T:
        """What ``work`` answers; ``TimeoutError`` cancels it."""
        return asyncio.run_coroutine_threadsafe(self._within(work, timeout_s), self.loop).result()

    async def _within(self, work: Coroutine[Any, Any, T], timeout_s: float | None) -> T:
        async with asyncio.timeout(timeout_s):
            return await work

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()


class BlockingClient:
    """A client whose methods return when they are done."""

    def __init__(self, client: Client, thread: LoopThread) -> None:
        self._client = client
        self._thread = thread

    def send(self, *messages: Message) -> None:
        """Send each message in a frame of its own."""
        self._thread.do(self._client.send(*messages))

    def request(self, command: Message, *, timeout_s: float = PATIENCE_S) -> Message:
        """Send ``command`` with an ``id``; answers what carries it, and keeps the rest."""
        return self._thread.do(self._client.request(command), timeout_s)

    def receive(self, *, timeout_s: float = PATIENCE_S) -> Message:
        """The next message. Raises ``Disconnected`` after the last, ``TimeoutError``."""
        return self._thread.do(self._client.receive(), timeout_s)

    def expect(self, kind: str, /, *, timeout_s: float = PATIENCE_S, **fields: object) -> Message:
        """The next message of this type with these fields; others are passed over."""
        return self._thread.do(self._client.expect(kind, timeout_s=None, **fields), timeout_s)

    def expect_nothing(self, *, for_s: float = NOTHING_FOR_S) -> None:
        """Fail where anything comes within ``for_s``."""
        try:
            message = self.receive(timeout_s=for_s)
        except TimeoutError:
            return
        raise AssertionError(f"nothing was to come, and this came: {message}")

    def close(self) -> None:
        self._thread.do(self._client.close())

    def abort(self) -> None:
        """Drop the connection at once, without a word."""
        self._thread.do(self._client.abort())


class BlockingServer:
    """A running server, and clients for it."""

    def __init__(self, server: Server, thread: LoopThread) -> None:
        self._server = server
        self._thread = thread
        self.port = server.port
        self.url = server.url
        self.websocket_url = server.websocket_url
        self.token = server.token

    def connect(
        self, user_id: str | None = None, **options: Unpack[ConnectKeywords]
    ) -> BlockingClient:
        """A client that has been connected: as ``user_id``, by ``options``, or as a guest."""
        return BlockingClient(self.do(self._server.connect(user_id, **options)), self._thread)

    def proxy(self) -> FaultProxy:
        """A proxy in front of the server that fails on command: switch it inside ``call``."""
        return self.do(self._server.proxy())

    def do(self, work: Coroutine[Any, Any, T], *, timeout_s: float = PATIENCE_S) -> T:
        """Run a coroutine in the server's loop: ``server.do(app.publish(...))``."""
        return self._thread.do(work, timeout_s)


@contextmanager
def running(
    app: App | None = None, settings: Settings | None = None, *, clock: Clock | None = None
) -> Iterator[BlockingServer]:
    """As ``testing.server.serve``, for tests that are not ``async``."""
    thread = LoopThread()
    try:
        served = serve(app, settings, clock=clock)
        server = thread.do(served.__aenter__())
        try:
            yield BlockingServer(server, thread)
        finally:
            thread.do(_leave(served))
    finally:
        thread.stop()


async def _leave(served: Any) -> None:
    await served.__aexit__(None, None, None)
