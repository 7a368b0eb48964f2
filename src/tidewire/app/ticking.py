"""Ticking: a function that runs again and again, on time.

    @app.every(0.05)
    async def tick() -> None: ...

The times are fixed from the start, so nothing drifts; a tick that is missed because
the last one took too long is left out, never made up for in a burst. With a lease
one node of all ticks, and another goes on when that one is gone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from msgspec import Struct

from tidewire.app.handlers import Handler
from tidewire.engines.base import Lease
from tidewire.errors import EngineUnavailable

logger = logging.getLogger("tidewire.app")

LEASE_TTL_S = 10.0
"""How long the ticks stop where the node that had the lease is gone without a word."""

RENEW_AFTER_S = LEASE_TTL_S / 3
"""A renewal may fail twice before the lease is lost."""


class Ticker(Struct, frozen=True):
    """What ``@app.every`` declared."""

    handler: Handler
    period_s: float
    lease: str | None = None


class Time(Protocol):
    """The clock of a loop, and its way to wait."""

    def now(self) -> float: ...

    async def sleep(self, seconds: float) -> None: ...


class LoopTime:
    """The running loop's own time."""

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class Leases(Protocol):
    """The engine's leases, as far as a ticker uses them."""

    async def lease(self, name: str, holder: str, ttl_s: float) -> Lease | None: ...

    async def release(self, lease: Lease) -> None: ...


class Right:
    """Whether this node may tick: always, or while it holds a lease."""

    def __init__(self, name: str | None, holder: str, leases: Leases, time: Time) -> None:
        self._name = name
        self._holder = holder
        self._leases = leases
        self._time = time
        self._lease: Lease | None = None
        self._ends_at = 0.0
        self._ask_at = 0.0

    async def holds(self) -> bool:
        if self._name is None:
            return True
        if self._time.now() >= self._ask_at:
            await self._ask(self._name)
        return self._lease is not None and self._time.now() < self._ends_at

    async def _ask(self, name: str) -> None:
        asked_at = self._time.now()  # the lease counts from here at the latest
        self._ask_at = asked_at + RENEW_AFTER_S
        try:
            self._lease = await self._leases.lease(name, self._holder, LEASE_TTL_S)
        except EngineUnavailable:
            logger.warning("a lease could not be renewed", extra={"lease": name})
            return  # what is held is held until it ends
        self._ends_at = asked_at + LEASE_TTL_S

    async def give_up(self) -> None:
        lease, self._lease = self._lease, None
        if lease is not None:
            try:
                await self._leases.release(lease)
            except EngineUnavailable:
                logger.warning("a lease could not be given back", extra={"lease": lease.name})


async def tick(
    ticker: Ticker, right: Right, run: Callable[[Handler], Awaitable[None]], time: Time
) -> None:
    """Run until cancelled. ``run`` deals with the handler's errors."""
    due = time.now() + ticker.period_s
    try:
        while True:
            await time.sleep(max(0.0, due - time.now()))
            if await right.holds():
                await run(ticker.handler)
            missed = max(0, int((time.now() - due) // ticker.period_s))
            due += ticker.period_s * (missed + 1)
    finally:
        await right.give_up()
