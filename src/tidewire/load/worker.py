"""Worker: one process of a load test. Told when to start and when to stop, by a pipe."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine, Iterable
from contextlib import suppress
from multiprocessing.connection import Connection
from random import Random
from typing import Any, Literal, TypeAlias

from tidewire.load.members import Member, Publisher, Subscriber, examine, now_us
from tidewire.load.plan import Plan
from tidewire.load.tally import Tally

OPENING = 20
"""Connections that a process opens at a time: before the test it is no storm."""

CONNECT_S = 60.0
"""For all of them. A server that admits so many a second makes the others wait."""

REPORT_S = 0.25

DRAIN_S = 10.0
"""After the last message was due, at most; what is still on its way then counts as undelivered."""

QUIET_S = 0.5
"""Nothing delivered for so long: it was all."""

Report: TypeAlias = (
    tuple[Literal["ready"], int]
    | tuple[Literal["progress"], int]
    | tuple[Literal["done"], Tally]
    | tuple[Literal["failed"], str]
)


def work(plan: Plan, process: int, pipe: Connection) -> None:
    """The process: reports "ready", waits for the start, reports progress, and what it counted."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the conductor says when to stop
    with suppress(OSError):  # nobody is left to be told
        pipe.send(asyncio.run(_work(plan, process, pipe)))


async def _work(plan: Plan, process: int, pipe: Connection) -> Report:
    return await _Worker(plan, process, pipe).run()


class _Worker:
    def __init__(self, plan: Plan, process: int, pipe: Connection) -> None:
        chance = Random()  # noqa: S311  # spreads retries
        self._plan = plan
        self._pipe = pipe
        self._tally = Tally()
        self._numbers = plan.publishers_of(process)
        self._publishers = [Publisher(plan, self._tally, chance) for _ in self._numbers]
        self._subscribers = [
            Subscriber(plan, self._tally, chance) for _ in range(plan.subscribers_of(process))
        ]
        self._start: asyncio.Future[int] = asyncio.Future()
        self._stop = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def _members(self) -> list[Member]:
        return [*self._publishers, *self._subscribers]

    async def run(self) -> Report:
        asyncio.get_running_loop().add_reader(self._pipe.fileno(), self._listen)
        try:
            await self._join()
            self._pipe.send(("ready", self._tally.subscribers))
            await self._load(await self._start)
        except TimeoutError:
            return ("failed", f"not all were connected within {CONNECT_S:g} s")
        except Exception as error:  # whatever a server says: the conductor tells it in a sentence
            return ("failed", str(error) or repr(error))
        finally:
            await self._leave()
        return ("done", self._tally)

    def _listen(self) -> None:
        """The first word is when to start, the second that it is enough."""
        try:
            word = self._pipe.recv()
        except (EOFError, OSError):  # the conductor is gone
            asyncio.get_running_loop().remove_reader(self._pipe.fileno())
            self._stop.set()
            word = now_us()
        if self._start.done():
            self._stop.set()
        else:
            self._start.set_result(word)

    async def _join(self) -> None:
        await examine(self._plan)
        gate = asyncio.Semaphore(OPENING)

        async def join(member: Member) -> None:
            async with gate:
                await member.join()

        async with asyncio.timeout(CONNECT_S):
            await _all(join(each) for each in self._members)

    async def _load(self, start_us: int) -> None:
        self._begin(each.follow() for each in self._subscribers)
        self._begin(each.read() for each in self._publishers)
        self._begin([self._report()])
        if self._plan.storm:
            self._begin([self._storm(start_us)])
        publishing = asyncio.gather(
            *(
                each.publish(number, start_us)
                for number, each in zip(self._numbers, self._publishers, strict=True)
            )
        )
        over_s = self._plan.for_s + (start_us - now_us()) / 1e6
        with suppress(TimeoutError):
            async with asyncio.timeout(over_s):
                await self._stop.wait()
        publishing.cancel()
        with suppress(asyncio.CancelledError):
            await publishing
        await self._drain()

    def _begin(self, works: Iterable[Coroutine[Any, Any, None]]) -> None:
        self._tasks += map(asyncio.create_task, works)

    async def _storm(self, start_us: int) -> None:
        """In the middle everybody loses the connection, and is back as fast as it can."""
        await asyncio.sleep(self._plan.for_s / 2 + (start_us - now_us()) / 1e6)
        await _all(each.drop() for each in self._subscribers)

    async def _report(self) -> None:
        while True:
            self._pipe.send(("progress", self._tally.delivered))
            await asyncio.sleep(REPORT_S)

    async def _drain(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_S):
                await self._quiet()

    async def _quiet(self) -> None:
        """Until nothing has come for a while."""
        before, now = -1, self._tally.delivered + self._tally.recovered
        while before != now:
            await asyncio.sleep(QUIET_S)
            before, now = now, self._tally.delivered + self._tally.recovered

    async def _leave(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await _all(each.drop() for each in self._members)


async def _all(works: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Like ``gather``, but the first to fail cancels the others. Raises what it raised."""
    tasks = [asyncio.create_task(each) for each in works]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
