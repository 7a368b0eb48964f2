"""Link: the running server, as an application reaches it from any thread.

Everything of the node happens in its event loop. What another thread asks for is
put on one list, and the loop is woken once for all that is there: a thread that
publishes a thousand times pays for one wake-up, not for a thousand.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

from tidewire.errors import EngineUnavailable, TidewireError
from tidewire.node.core import Node

logger = logging.getLogger("tidewire.app")

T = TypeVar("T")

MAX_POSTED = 100_000
"""Asked for by other threads and not yet begun: half a second's work of the loop."""


class Pending(Generic[T]):
    """Something the server has been asked for.

    ``await`` it in any event loop, ``wait`` for it in a thread without one, or let it
    be: it is done either way.
    """

    def __init__(self, future: Future[T]) -> None:
        self._future = future

    def wait(self, timeout_s: float | None = None) -> T:
        """Block this thread until it is done; raises what went wrong, or ``TimeoutError``."""
        if not self._future.done() and _running_loop() is not None:
            raise TidewireError("waiting here would stop the event loop: await it instead")
        return self._future.result(timeout_s)

    @property
    def is_done(self) -> bool:
        return self._future.done()

    def __await__(self) -> Generator[Any, None, T]:
        return asyncio.wrap_future(self._future).__await__()


class Link:
    """A node and the loop it runs in. Without a loop, whoever calls is in it."""

    def __init__(self, node: Node, loop: asyncio.AbstractEventLoop | None) -> None:
        self.node = node
        self.loop = loop
        self._posted: deque[Callable[[], None]] = deque()
        self._is_woken = False
        self.is_closed = False

    def close(self) -> None:
        """The server stops: what has been asked for is done, and nothing more is taken."""
        self.is_closed = True
        self._run_posted()

    @property
    def is_here(self) -> bool:
        """Whether the caller runs in the node's own loop."""
        return self.loop is None or _running_loop() is self.loop

    def soon(self, action: Callable[[], None]) -> None:
        """Run ``action`` in the loop: now where this is it, otherwise after all posted before.

        Raises ``TidewireError`` where the server has stopped, ``EngineUnavailable``.
        """
        if self.is_closed:
            raise TidewireError("the server has stopped")
        if self.loop is None or (self.is_here and not self._posted):
            action()
            return
        if len(self._posted) >= MAX_POSTED:
            raise EngineUnavailable("too much is waiting for the event loop")
        self._posted.append(action)
        if not self._is_woken:
            self._is_woken = True
            self._wake(self.loop)

    def _wake(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            loop.call_soon_threadsafe(self._run_posted)
        except RuntimeError:
            raise TidewireError("the server has stopped") from None

    def _run_posted(self) -> None:
        self._is_woken = False  # before the list is looked at: what comes later wakes us again
        for _ in range(len(self._posted)):
            try:
                self._posted.popleft()()
            except Exception:
                logger.exception("something asked for by another thread failed")

    def ask(self, work: Coroutine[Any, Any, T]) -> Pending[T]:
        """Run a coroutine in the loop, from any thread."""
        if self.loop is None:
            raise TidewireError("the server's event loop is not running")
        return Pending(asyncio.run_coroutine_threadsafe(work, self.loop))

    async def come(self, work: Coroutine[Any, Any, T]) -> T:
        """What ``work`` answers, run in the loop whichever loop the caller is in."""
        return await work if self.is_here else await self.ask(work)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
