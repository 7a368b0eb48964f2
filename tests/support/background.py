"""A fault proxy for tests that are not asynchronous themselves, such as those with a browser."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from tidewire.testing.proxy import FaultProxy

T = TypeVar("T")

DEADLINE_S = 60.0


class BackgroundProxy:
    """A ``FaultProxy`` that runs on a thread of its own."""

    def __init__(self, proxy: FaultProxy, loop: asyncio.AbstractEventLoop) -> None:
        self._proxy = proxy
        self._loop = loop
        self.port = proxy.port

    def do(self, action: Callable[[FaultProxy], T]) -> T:
        """Let the proxy's own thread do it, and wait until it is done."""

        async def act() -> T:
            return action(self._proxy)

        return asyncio.run_coroutine_threadsafe(act(), self._loop).result(DEADLINE_S)

    def cut_off(self) -> None:
        """The network is gone: connections are reset, and so is every new one."""
        self.do(_cut_off)

    def restore(self) -> None:
        self.do(_restore)


def _cut_off(proxy: FaultProxy) -> None:
    proxy.accepting = False
    proxy.cut()


def _restore(proxy: FaultProxy) -> None:
    proxy.accepting = True
    proxy.pass_through()


@contextmanager
def proxy_to(port: int) -> Iterator[BackgroundProxy]:
    """A proxy in front of ``port``, from entering to leaving."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="fault proxy")
    thread.start()
    proxy = FaultProxy(port)
    try:
        _on(loop, proxy.__aenter__)
        yield BackgroundProxy(proxy, loop)
    finally:
        _on(loop, lambda: proxy.__aexit__(None, None, None))
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def _on(loop: asyncio.AbstractEventLoop, start: Callable[[], object]) -> None:
    async def wait() -> None:
        await start()  # type: ignore[misc]

    asyncio.run_coroutine_threadsafe(wait(), loop).result(DEADLINE_S)
