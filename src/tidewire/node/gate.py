"""Gate: the application's hooks and handlers, bounded in number and in time.

A crowd that comes back at once must not become a crowd at the application's
database: only so many are asked at a time, the rest wait their turn, and the same
question asked twice at the same time is asked once. Knows nothing of what is asked.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, TypeVar

from msgspec import Struct

from tidewire.errors import CommandRefused

logger = logging.getLogger("tidewire.application")

T = TypeVar("T")


class GateLimits(Struct, frozen=True):
    """How much of the application is used at once."""

    at_once: int
    timeout_s: float


HOOKS = GateLimits(at_once=64, timeout_s=15.0)
"""Decisions: who may come in, or read, or write. Most ask a database, whose pool is smaller than
this; one that has not decided by then keeps its client waiting in vain."""

HANDLERS = GateLimits(at_once=1_024, timeout_s=300.0)
"""An application's own messages and calls: most wait for something else than this process. Each has
a limit of its own besides; what takes longer than this is work for a background task, since
its client is not read meanwhile."""


class Gate:
    """Lets so many through at a time, each for so long."""

    def __init__(self, limits: GateLimits) -> None:
        self.running = 0
        self.waiting = 0
        self.failed = 0
        self.overdue = 0
        self._limits = limits
        self._turn = asyncio.Semaphore(limits.at_once)
        self._asked: dict[Hashable, asyncio.Task[Any]] = {}

    async def run(self, work: Callable[[], Awaitable[T]]) -> T:
        """What ``work`` answers. Raises nothing but ``CommandRefused`` and a cancellation.

        Overdue it is cancelled, and the client is told to try later; an exception is
        logged with its cause, and the client reads "internal error".
        """
        self.waiting += 1
        try:
            await self._turn.acquire()
        finally:
            self.waiting -= 1
        self.running += 1
        try:
            return await self._within_time(work)
        finally:
            self.running -= 1
            self._turn.release()

    async def ask(self, question: Hashable, work: Callable[[], Awaitable[T]]) -> T:
        """As ``run``; whoever asks the same while it is being asked shares the answer.

        One of them that gives up takes the answer from none of the others.
        """
        task: asyncio.Task[T] | None = self._asked.get(question)
        if task is None:
            task = self._asked[question] = asyncio.ensure_future(self.run(work))
            task.add_done_callback(lambda done: self._answered(question, done))
        return await asyncio.shield(task)

    def _answered(self, question: Hashable, task: asyncio.Task[Any]) -> None:
        del self._asked[question]
        if not task.cancelled():
            task.exception()  # seen, even where nobody waits for it any more

    async def _within_time(self, work: Callable[[], Awaitable[T]]) -> T:
        try:
            async with asyncio.timeout(self._limits.timeout_s):
                return await work()
        except CommandRefused:
            raise
        except TimeoutError:
            self.overdue += 1
            logger.warning("the application took longer than %s s", self._limits.timeout_s)
            raise CommandRefused(
                "unavailable", "the application took too long", retry_after_s=1
            ) from None
        except Exception:
            self.failed += 1
            logger.exception("the application failed")
            raise CommandRefused("internal", "internal error") from None
