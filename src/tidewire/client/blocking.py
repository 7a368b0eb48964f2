"""The client for programs without an event loop: the same, and each method returns when it is done.

    from tidewire.client.blocking import connect

    with connect("ws://127.0.0.1:8080/ws", token=token) as client:
        client.publish("news", {"title": "hello"})
        for entry in client.read("news", rewind=10):
            print(entry.data)

The client runs in a loop of its own, in a thread of its own. May be used from several
threads; one thread reads a channel at a time.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Generator, Mapping
from contextlib import suppress
from ssl import SSLContext
from types import TracebackType
from typing import Any, TypeVar, Unpack, overload

from msgspec import Struct

from tidewire.client import core
from tidewire.client.core import ChannelOptions, PublishOptions
from tidewire.client.events import Entry, History
from tidewire.client.reading import Format
from tidewire.client.state import ConnectionState
from tidewire.messages import Position, PresenceList

T = TypeVar("T")

START_TIMEOUT_S = 30.0
"""A script would rather fail than wait for a server that is not there."""


class Client:
    """Use it as a context manager: entering connects, leaving says goodbye and ends the thread."""

    def __init__(self, client: core.Client, timeout_s: float | None) -> None:
        self._client = client
        self._timeout_s = timeout_s
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="tidewire-client", daemon=True)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        """What ``work`` answers; interrupted here, it is cancelled there."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def __enter__(self) -> Client:
        """Raises ``TimeoutError`` where no connection comes about in time, ``ClientClosed``."""
        self._thread.start()
        try:
            self._do(self._enter())
        except BaseException:
            self._stop()
            raise
        return self

    async def _enter(self) -> None:
        async with asyncio.timeout(self._timeout_s):
            await self._client.__aenter__()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Say goodbye. Harmless when closed already; loops that read in other threads end."""
        if self._thread.is_alive():
            self._do(self._client.close())
            self._stop()

    def _stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        with suppress(RuntimeError):  # closed by another thread meanwhile
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()

    @property
    def state(self) -> ConnectionState:
        """How the connection is."""
        return self._client.state

    # -- reading -------------------------------------------------------------------------------

    @overload
    def read(
        self, channel: str, **options: Unpack[ChannelOptions]
    ) -> Generator[Entry[Any], None, None]: ...
    @overload
    def read(
        self, channel: str, *types: type[T], **options: Unpack[ChannelOptions]
    ) -> Generator[Entry[T], None, None]: ...
    def read(
        self, channel: str, *types: type[Any], **options: Unpack[ChannelOptions]
    ) -> Generator[Entry[Any], None, None]:
        """A channel's entries, each once and in order, for as long as somebody reads them."""
        entries = self._client.channel(channel, *types, **options).entries()
        try:
            while True:
                try:
                    yield self._do(_next(entries))
                except StopAsyncIteration:
                    return
        finally:
            if self._thread.is_alive():
                self._do(entries.aclose())

    def history(
        self,
        channel: str,
        *,
        since: Position | None = None,
        before: Position | None = None,
        limit: int = core.HISTORY_ENTRIES,
        reverse: bool = False,
    ) -> History[Any]:
        """Entries after ``since``, before ``before``, or the latest."""
        asked: Coroutine[Any, Any, History[Any]] = self._client.history(
            channel, since=since, before=before, limit=limit, reverse=reverse
        )
        return self._do(asked)

    def presence(self, channel: str) -> PresenceList:
        """Who is in a channel now."""
        return self._do(self._client.presence(channel))

    # -- telling -------------------------------------------------------------------------------

    def publish(self, channel: str, data: Any, **options: Unpack[PublishOptions]) -> Position:
        """Publish; the position, when the server keeps it. Raises as the asynchronous one."""
        return self._do(self._client.publish(channel, data, **options))

    def call(self, method: str, data: Any = None) -> Any:
        """Ask the server's application something."""
        return self._do(self._client.call(method, data))

    def send(self, message: Struct | dict[str, Any]) -> None:
        """Send a message of the application's own, and wait until it has been handled."""
        self._do(self._client.send(message))

    def signal(self, channel: str, name: str, data: Any = None) -> None:
        """Tell a channel's others something that is not kept."""
        self._do(self._client.signal(channel, name, data))


async def _next(entries: Any) -> Any:
    return await anext(entries)


def connect(
    url: str,
    *,
    token: str | None = None,
    get_token: Callable[[], str] | None = None,
    headers: Mapping[str, str] | None = None,
    tls: SSLContext | None = None,
    format: Format = "json",  # noqa: A002 (the word that users know)
    timeout_s: float | None = START_TIMEOUT_S,
) -> Client:
    """As ``tidewire.client.connect``; ``get_token`` is called in a thread. ``timeout_s`` bounds
    the first connect; None waits for ever.
    """

    async def ask() -> str:
        assert get_token is not None
        return await asyncio.to_thread(get_token)

    made = core.connect(
        url,
        token=token,
        get_token=None if get_token is None else ask,
        headers=headers,
        tls=tls,
        format=format,
    )
    return Client(made, timeout_s)
