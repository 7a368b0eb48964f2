"""Ticks: on time, none made up for, and with a lease on one node only."""

from __future__ import annotations

import asyncio
import heapq
from itertools import count

import pytest

from tests.support.asynchronous import run
from tidewire.app.handlers import Handler, Wanted, make_handler
from tidewire.app.ticking import LEASE_TTL_S, RENEW_AFTER_S, Right, Ticker, tick
from tidewire.engines.base import Lease
from tidewire.errors import EngineUnavailable

TICKER = Ticker(make_handler(lambda: None, Wanted("@app.every(1)")), 1.0)


class HandTime:
    """Time that a test lets pass; whoever sleeps is woken in order."""

    def __init__(self) -> None:
        self.s = 0.0
        self._order = count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def now(self) -> float:
        return self.s

    async def sleep(self, seconds: float) -> None:
        waking = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.s + seconds, next(self._order), waking))
        await waking

    async def pass_time(self, seconds: float) -> None:
        until = self.s + seconds
        await _settle()
        while self._sleepers and self._sleepers[0][0] <= until:
            due, _, waking = heapq.heappop(self._sleepers)
            self.s = max(self.s, due)
            if not waking.done():
                waking.set_result(None)
            await _settle()
        self.s = max(self.s, until)


class HandLeases:
    """Grants what a test says."""

    def __init__(self) -> None:
        self.holder = ""
        self.is_down = False
        self.asked = 0

    async def lease(self, name: str, holder: str, ttl_s: float) -> Lease | None:
        self.asked += 1
        if self.is_down:
            raise EngineUnavailable
        self.holder = self.holder or holder
        return Lease(name, holder, 1, ttl_s) if self.holder == holder else None

    async def release(self, lease: Lease) -> None:
        if self.is_down:
            raise EngineUnavailable
        self.holder = ""


class Game:
    """A ticker in hand-made time, and when it ticked."""

    def __init__(self, *, lease: str | None = None) -> None:
        self.time = HandTime()
        self.leases = HandLeases()
        self.ticks: list[float] = []
        self.slow_s = 0.0
        self._right = Right(lease, "here", self.leases, self.time)

    async def __aenter__(self) -> Game:
        self._task = asyncio.create_task(tick(TICKER, self._right, self._run, self.time))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self, handler: Handler) -> None:
        self.ticks.append(self.time.now())
        slow_s, self.slow_s = self.slow_s, 0.0
        if slow_s:
            await self.time.sleep(slow_s)


def test_ticks_do_not_drift_with_what_they_take() -> None:
    async def scenario() -> list[float]:
        async with Game() as game:
            for _ in range(4):
                game.slow_s = 0.5
                await game.time.pass_time(1)
            return game.ticks

    assert run(scenario()) == [1, 2, 3, 4]


def test_ticks_that_are_missed_are_left_out_and_the_rhythm_stays() -> None:
    async def scenario() -> list[float]:
        async with Game() as game:
            game.slow_s = 2.5
            await game.time.pass_time(5)
            return game.ticks

    assert run(scenario()) == [1, 4, 5]


def test_without_the_lease_nothing_ticks_until_its_holder_is_gone() -> None:
    async def scenario() -> list[float]:
        game = Game(lease="rooms")
        game.leases.holder = "elsewhere"
        async with game:
            await game.time.pass_time(RENEW_AFTER_S * 2)
            before = list(game.ticks)
            game.leases.holder = ""
            await game.time.pass_time(RENEW_AFTER_S + 1)
            assert game.leases.holder == "here"
            return [*before, -1, *game.ticks]

    ticks = run(scenario())
    assert ticks[0] == -1
    assert len(ticks) > 1


def test_a_lease_that_cannot_be_renewed_is_held_to_its_end_and_no_longer(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def scenario() -> list[float]:
        async with Game(lease="rooms") as game:
            await game.time.pass_time(1)
            game.leases.is_down = True
            await game.time.pass_time(LEASE_TTL_S * 2)
            return game.ticks

    assert max(run(scenario())) <= 1 + LEASE_TTL_S
    assert "could not be renewed" in caplog.text


def test_the_lease_is_asked_for_now_and_then_and_given_back_at_the_end() -> None:
    async def scenario() -> HandLeases:
        async with Game(lease="rooms") as game:
            await game.time.pass_time(RENEW_AFTER_S * 3)
        return game.leases

    leases = run(scenario())
    assert leases.holder == ""
    assert leases.asked <= 3


async def _settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)
