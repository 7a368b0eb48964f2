"""Workers: how an application's functions are run, and what bounds them.

``async def`` runs in the event loop, ``def`` in a pool of threads, as users of
FastAPI expect (an ORM works there); ``inline=True`` keeps a ``def`` that is quick in
the loop. Every one has a time limit. What goes wrong is logged with its cause,
and whoever waits reads no more than "internal error".
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import math
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any, TypeAlias, cast

from msgspec import Struct

from tidewire.app.handlers import Handler
from tidewire.errors import CommandRefused, PeerError

logger = logging.getLogger("tidewire.app")

INLINE_WARNING_S = 0.010
"""Everybody's messages wait while an inline function runs: longer than this shows in a game."""


Around: TypeAlias = Callable[[], AbstractContextManager[object]]
"""What every ``def`` function runs in, in its thread: closing what an ORM has left open, say."""


class WorkLimits(Struct, frozen=True):
    """What an application's functions may use."""

    threads: int = 32
    """``def`` functions at once. Each may hold a database connection: databases take about 100."""

    waiting: int = 1_000
    """``def`` functions that wait for a thread; beyond it clients are told to try again later."""

    time_limit_s: float = 10.0
    """Of one call, waiting included, where the handler has no limit of its own."""


class Workers:
    """Runs handlers. ``now`` is a clock that never jumps."""

    def __init__(self, limits: WorkLimits, now: Callable[[], float]) -> None:
        self._limits = limits
        self._now = now
        self._slots = threading.BoundedSemaphore(limits.threads + limits.waiting)
        self._pool: ThreadPoolExecutor | None = None
        self._is_stopped = False
        self._counting = threading.Lock()  # functions end in their threads
        self._submitted = self._finished = 0
        self.around: Around = nullcontext

    @property
    def in_use(self) -> int:
        """``def`` functions that have a thread or wait for one."""
        return self._submitted - self._finished

    @property
    def limit(self) -> int:
        """How many of them there may be."""
        return self._limits.threads + self._limits.waiting

    def start(self) -> None:
        """Take work, again if need be: tests serve one application many times."""
        self._is_stopped = False

    def stop(self) -> None:
        """What waits for a thread is given up; what runs in one goes on to its end."""
        self._is_stopped = True
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None

    async def run(self, handler: Handler, *places: Any, **names: Any) -> Any:
        """What the handler answers. Raises nothing but ``PeerError``, and when cancelled."""
        call = partial(handler.function, *places, **handler.named(names))
        try:
            return await self._run(handler, call)
        except PeerError:
            raise
        except Exception as error:
            logger.exception("a handler failed", extra={"handler": handler.name})
            raise CommandRefused("internal", "internal error") from error

    async def run_safely(self, handler: Handler, *places: Any, **names: Any) -> None:
        """The same where nobody waits for an answer: what it refuses is only logged."""
        try:
            await self.run(handler, *places, **names)
        except PeerError as error:
            if error.__cause__ is None:
                logger.warning(
                    "a handler refused", extra={"handler": handler.name, "reason": str(error)}
                )

    async def _run(self, handler: Handler, call: Callable[[], Any]) -> Any:
        if handler.mode == "inline":
            return self._inline(handler, call)
        limit_s = handler.time_limit_s or min(self._limits.time_limit_s, handler.longest_s)
        if handler.mode == "async":
            return await _within(limit_s, handler, cast(Callable[[], Awaitable[Any]], call))
        return await self._in_thread(limit_s, handler, call)

    def _inline(self, handler: Handler, call: Callable[[], Any]) -> Any:
        began = self._now()
        try:
            return call()
        finally:
            took_s = self._now() - began
            if took_s > INLINE_WARNING_S:
                logger.warning(
                    "an inline handler held everybody up",
                    extra={"handler": handler.name, "ms": round(took_s * 1000)},
                )

    async def _in_thread(self, limit_s: float, handler: Handler, call: Callable[[], Any]) -> Any:
        if self._is_stopped or not self._slots.acquire(blocking=False):
            raise busy()
        future = self._submit(call)
        try:
            return await _within(limit_s, handler, lambda: asyncio.wrap_future(future))
        except CommandRefused as refusal:
            if future.cancelled() and refusal.code == "unknown_outcome":
                raise busy() from None  # it never began
            raise
        finally:
            if not future.done():  # nobody waits any more, and a thread cannot be stopped
                future.add_done_callback(partial(_log_late, handler))

    def _submit(self, call: Callable[[], Any]) -> Future[Any]:
        """A slot is given back when the thread is free again, not when the client was answered."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._limits.threads, "tidewire-handler")
        future = self._pool.submit(contextvars.copy_context().run, self._surrounded, call)
        self._submitted += 1
        future.add_done_callback(self._free)
        return future

    def _free(self, _: Future[Any]) -> None:
        with self._counting:
            self._finished += 1
        self._slots.release()

    def _surrounded(self, call: Callable[[], Any]) -> Any:
        with self.around():
            return call()


async def _within(limit_s: float, handler: Handler, call: Callable[[], Awaitable[Any]]) -> Any:
    """What ``call`` answers; past the limit it is cancelled, and nobody knows how far it got."""
    try:
        async with asyncio.timeout(None if math.isinf(limit_s) else limit_s) as deadline:
            return await call()
    except TimeoutError:
        if not deadline.expired():
            raise  # a time limit of the handler's own
        logger.warning(
            "a handler outlasted its time limit", extra={"handler": handler.name, "s": limit_s}
        )
        text = f"the application did not finish within {limit_s:g} s"
        raise CommandRefused("unknown_outcome", text) from None


def _log_late(handler: Handler, future: Future[Any]) -> None:
    error = None if future.cancelled() else future.exception()
    if error is not None:
        logger.error(
            "a handler failed after its time limit",
            extra={"handler": handler.name},
            exc_info=error,
        )


def busy() -> CommandRefused:
    return CommandRefused("unavailable", "the application is busy", retry_after_s=1)
