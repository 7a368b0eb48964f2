"""Notices: hooks that tell of something and answer nobody, each in its order.

What happens to one client (it subscribed, it has gone) is told in the order it
happened, what happens to different ones at once, and so many at a time.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable

logger = logging.getLogger("tidewire.app")

MAX_AT_ONCE = 64
"""Hooks that run at once: more than threads to run them in, few enough for a database."""

MAX_WAITING = 100_000
"""Everybody who is connected may leave at once, and each leave is told; beyond it an application
that cannot keep up would cost all memory. What is left out is counted in the log."""

Notice = Callable[[], Awaitable[None]]


class Notices:
    """Runs notices in the background. A notice deals with its own errors."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self.start()

    def start(self) -> None:
        """Begin with nothing: an application may be served again, in another event loop."""
        self._queues: dict[str, deque[Notice]] = {}
        self._turns = asyncio.Semaphore(MAX_AT_ONCE)
        self._waiting = 0

    def post(self, key: str, notice: Notice) -> None:
        """Run ``notice`` after all earlier ones of the same ``key``."""
        if self._waiting >= MAX_WAITING:
            logger.error("the application is too slow: a hook was left out", extra={"about": key})
            return
        self._waiting += 1
        queue = self._queues.get(key)
        if queue is not None:
            queue.append(notice)
            return
        self._queues[key] = deque((notice,))
        task = asyncio.get_running_loop().create_task(self._run(key))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, key: str) -> None:
        queue = self._queues[key]
        while queue:
            async with self._turns:
                self._waiting -= 1
                await queue.popleft()()
        del self._queues[key]

    async def finish(self, within_s: float) -> None:
        """Wait for what is there; what takes longer is cancelled."""
        tasks = list(self._tasks)
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=within_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
