"""Drill: publishers and subscribers on a deployment while its owner breaks it, and the verdict.

``tidewire verify`` shows it. Breaks nothing itself, and believes nothing but what it
was shown: a run that could not be judged to its end has not passed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from itertools import cycle

from msgspec import Struct

from tidewire.errors import StartFailed, TidewireError
from tidewire.messages import Position
from tidewire.testing.client import Client
from tidewire.testing.client import Message as Frame
from tidewire.testing.history import Operation
from tidewire.testing.publisher import WINDOW, Publisher
from tidewire.testing.recorder import Recorder
from tidewire.testing.score import AUDITOR, Broken, Counts, Score, broken
from tidewire.testing.subscriber import Subscriber
from tidewire.testing.violations import Violation
from tidewire.testing.way import Way

SETTLE_S = 60.0
"""How long everybody may take to catch up at the end. A server that is down then gets the time in
which a supervisor starts it again."""

SETTLE_STOPPED_S = 15.0
"""The same where somebody asked for the verdict."""

LOOK_S = 0.05
"""Between two looks at whether all have caught up."""

BURST_S = 0.25
"""A publisher sends so much at once: several messages are on their way when the server dies."""

MAX_OPERATIONS = 5_000_000
"""The history is kept in memory until it is judged: about a gigabyte of it."""


class Plan(Struct, frozen=True, kw_only=True):
    """Who takes part. ``rate`` is messages per second, of all publishers together."""

    channels: tuple[str, ...]
    publishers: int
    subscribers: int
    rate: float
    for_s: float

    @property
    def operations(self) -> float:
        """About how long its history gets: asked, answered, and seen by all and the auditor."""
        return self.rate * self.for_s * (self.subscribers + 3)


class Verdict(Struct, frozen=True):
    """What the history proves. ``doubts`` say why the run proves less than it should have."""

    counts: Counts
    broken: Broken
    violations: Sequence[Violation]
    doubts: Sequence[str]

    @property
    def held(self) -> bool:
        return not self.violations and not self.doubts


class Drill:
    """One run. ``stop`` may be set at any time, and ends it early with the verdict so far."""

    def __init__(self, plan: Plan, way: Way) -> None:
        self.stop = asyncio.Event()
        self._plan = plan
        self._way = way
        self._recorder = Recorder(way)
        self._score = Score()
        self._doubts: list[str] = []
        names = [f"s{number}" for number in range(1, plan.subscribers + 1)]
        self._subscribers = [self._recorder.subscriber(name, *plan.channels) for name in names]

    @property
    def history(self) -> Sequence[Operation]:
        return self._recorder.history

    @property
    def counts(self) -> Counts:
        """So far."""
        return self._score.follow(self.history)

    async def run(self) -> Verdict:
        """Publish for as long as planned, let everybody catch up, and judge.

        Raises ``StartFailed`` where the deployment cannot be used as planned.
        """
        await examine(self._way, self._plan.channels)
        async with AsyncExitStack() as stack:
            await self._take_part(stack)
            await self._settle(stack)
            self._doubts += [each for each in map(_doubt, self._subscribers) if each]
        return self._judge()

    async def _take_part(self, stack: AsyncExitStack) -> None:
        """Until the time is over, ``stop``, or something that nobody can go on from."""
        work = asyncio.create_task(self._work(stack))
        stop = asyncio.create_task(self.stop.wait())
        await asyncio.wait(
            (work, stop), timeout=self._plan.for_s, return_when=asyncio.FIRST_COMPLETED
        )
        stop.cancel()
        work.cancel()
        [outcome] = await asyncio.gather(work, return_exceptions=True)
        if isinstance(outcome, Exception):
            self._doubts.append(f"ended early: {outcome}")

    async def _work(self, stack: AsyncExitStack) -> None:
        for subscriber in self._subscribers:
            stack.push_async_exit(subscriber)  # first: its entering may be cut short
            await subscriber.__aenter__()
        names = [f"p{number}" for number in range(1, self._plan.publishers + 1)]
        publishers = [self._recorder.publisher(name) for name in names]
        for publisher in publishers:
            stack.push_async_exit(publisher)  # it connects when it has something to say
        await asyncio.gather(*map(self._publish, publishers))

    async def _publish(self, publisher: Publisher) -> None:
        """Its share of the rate. What an outage kept back is not made up for: that would be
        refused as a flood."""
        rate = self._plan.rate / self._plan.publishers
        count = min(WINDOW, max(1, round(rate * BURST_S)))
        for channel in cycle(self._plan.channels):
            await publisher.publish(channel, count)
            await asyncio.sleep(count / rate)

    # -- the end -------------------------------------------------------------------------------

    async def _settle(self, stack: AsyncExitStack) -> None:
        """Wait until all have caught up with one more subscriber, who reads from the beginning."""
        patience_s = SETTLE_STOPPED_S if self.stop.is_set() else SETTLE_S
        try:
            async with asyncio.timeout(patience_s):
                await self._catch_up(stack)
        except TimeoutError:
            self._doubts.append(f"not everybody had caught up within {patience_s:g} s")
        except Exception as error:  # whatever a server said: the run ends with a verdict
            self._doubts.append(f"the audit failed: {error}")

    async def _catch_up(self, stack: AsyncExitStack) -> None:
        auditor = self._recorder.subscriber(AUDITOR, *self._plan.channels)
        auditor.positions.update(await self._beginnings())
        await stack.enter_async_context(auditor)
        goals = dict(auditor.positions)
        behind = [each for each in self._subscribers if each.connections]
        while behind := [each for each in behind if not is_level(each, auditor.positions, goals)]:
            behind = [each for each in behind if each.fault is None]
            await asyncio.sleep(LOOK_S)

    async def _beginnings(self) -> dict[str, Position]:
        """Where each channel's log begins, if its history may be read; tried until answered."""
        while True:
            try:
                async with await self._way() as client:
                    pages = [await _history(client, each) for each in self._plan.channels]
            except (OSError, TidewireError):
                await asyncio.sleep(LOOK_S)
                continue
            known = [page for page in pages if page["type"] != "error"]
            return {page["channel"]: Position(page["epoch"], 0) for page in known}

    def _judge(self) -> Verdict:
        counts, violations = self.counts, self._recorder.violations()
        if not counts.acknowledged:
            self._doubts.append("nothing was acknowledged, so nothing is proven")
        return Verdict(counts, broken(violations), violations, tuple(self._doubts))


async def examine(way: Way, channels: Sequence[str]) -> None:
    """Raise ``StartFailed`` unless one may connect, subscribe and publish there."""
    try:
        async with await way.open() as client:
            for channel in channels:
                await _try(client, {"type": "subscribe", "channel": channel})
                await _try(client, {"type": "publish", "channel": channel, "data": PROBE})
    except StartFailed:
        raise
    except Exception as error:  # whatever answers there instead of a server
        raise StartFailed(f"cannot use {way.url}: {error or type(error).__name__}") from error


PROBE = {"run": "probe", "publisher": "probe", "number": 0}
"""Looks like what will be published, and belongs to no run."""


async def _try(client: Client, command: Frame) -> None:
    answer = await client.request(command)
    if answer["type"] == "error":
        what = f"{command['type']} {command['channel']}"
        raise StartFailed(f"{what}: {answer['code']}: {answer.get('message', '')}")


async def _history(client: Client, channel: str) -> Frame:
    return await client.request({"type": "history", "channel": channel, "limit": 1})


def is_level(
    subscriber: Subscriber, latest: dict[str, Position], goals: dict[str, Position]
) -> bool:
    """Whether it is in the ``latest`` epoch of every channel, and has got as far as ``goals``."""
    return subscriber.is_settled and all(
        is_at(subscriber.positions.get(channel), latest=latest[channel], goal=goal)
        for channel, goal in goals.items()
    )


def is_at(own: Position | None, *, latest: Position, goal: Position) -> bool:
    """The same in one channel."""
    if own is None or own.epoch != latest.epoch:
        return False
    return own.epoch != goal.epoch or own.seq >= goal.seq


def _doubt(subscriber: Subscriber) -> str | None:
    """Why what this one saw proves less."""
    if subscriber.fault is not None:
        return f"{subscriber.name} could not go on: {subscriber.fault}"
    if not subscriber.connections:
        return f"{subscriber.name} was never connected: more connections than the server allows?"
    refused = ", ".join(sorted(subscriber.refused))
    return f"{subscriber.name} was not let into {refused}" if refused else None
