"""Where an engine is tried: its sink, and short words for what tests do with it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from msgspec import structs

from tidewire.channels.options import ChannelOptions
from tidewire.engines.base import Engine, Gap, Query, Receipt
from tidewire.messages import Position, Publication, Signal

CHANNEL = "contract"

POLL_S = 0.001
"""Between two looks at what an engine is to bring about: a disk's write is not much shorter."""

GIVES_UP_S = 60.0
"""Before a test gives up on it. No machine is as slow as that."""


class RecordingSink:
    """A node's side that keeps what it is told."""

    def __init__(self) -> None:
        self.entries: list[Publication] = []
        self.receipts: list[Receipt] = []
        self.signals: list[Signal] = []
        self.order: list[str] = []
        """What was told, in order: the data of entries and signals, the outcomes of receipts."""

    def applied(self, channel: str, entries: Sequence[Publication]) -> None:
        self.entries.extend(entries)
        self.order.extend(each.data for each in entries)

    def signalled(self, channel: str, signals: Sequence[Signal]) -> None:
        self.signals.extend(signals)
        self.order.extend(each.data for each in signals)

    def settled(self, receipts: Sequence[Receipt]) -> None:
        self.receipts.extend(receipts)
        self.order.extend(each.outcome for each in receipts)


class Stand:
    """An engine that has been started, and its sink."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.sink = RecordingSink()
        self.options = ChannelOptions(history_size=5, keeps_latest=True)
        engine.start(self.sink)

    async def open(self, channel: str = CHANNEL) -> Position:
        return await self.engine.open(channel, self.options)

    def submit(self, data: str, channel: str = CHANNEL, **fields: Any) -> Receipt:
        """Queue one publication of the user ``ann``; its receipt is still pending."""
        entry = Publication(channel, 0, "", 0, "ann", "c1", data)
        receipt = Receipt(channel, None, 1)
        assert self.engine.submit(structs.replace(entry, **fields), self.options, receipt)
        return receipt

    async def publish(self, *data: str, channel: str = CHANNEL, **fields: Any) -> list[Position]:
        """Publish in one tick, and wait until all have been accepted."""
        return await self.outcomes([self.submit(each, channel, **fields) for each in data])

    async def outcomes(self, receipts: Sequence[Receipt]) -> list[Position]:
        """The positions of what was submitted, once all have ended well."""
        await self.end(receipts)
        positions = [each.position for each in receipts if each.position is not None]
        assert [each.outcome for each in receipts] == ["accepted"] * len(positions)
        return positions

    async def end(self, receipts: Sequence[Receipt]) -> None:
        """Drain, and wait until all of them have ended, however they did."""
        self.engine.drain()
        await self.until(lambda: all(each.outcome != "pending" for each in receipts))

    async def until(self, predicate: Callable[[], bool]) -> None:
        """Turn the loop until what the engine owes is there."""
        deadline = time.monotonic() + GIVES_UP_S
        while not predicate():
            assert time.monotonic() < deadline, "the engine never did what it owes"
            await asyncio.sleep(POLL_S)

    async def read(self, query: Query, channel: str = CHANNEL) -> list[str] | str:
        """The data of what ``query`` is after, or "gap"."""
        page = await self.engine.read(channel, self.options, query)
        if isinstance(page.found, Gap):
            return "gap"
        return [each.data for each in page.found.entries]

    async def since(self, position: Position, limit: int | None = None) -> list[str] | str:
        return await self.read(Query(position, limit=limit))

    async def latest(self, limit: int | None = None) -> list[str] | str:
        return await self.read(Query(limit=limit))

    async def keys(self, channel: str = CHANNEL) -> dict[str | None, str]:
        """The data of the latest entry of each key."""
        snapshot = await self.engine.snapshot(channel, self.options)
        return {each.key: each.data for each in snapshot.entries}


class OnStage:
    """What every part of the contract is built on."""

    def make_engine(self) -> Engine:
        """A new engine that has not been started and knows no channel."""
        raise NotImplementedError

    def now_s(self) -> float:
        """The time of day, as the engine sees it."""
        return time.time()

    def pass_time(self, seconds: float) -> None:
        """Let time pass for the engine."""
        time.sleep(seconds)

    def play(self, scene: Callable[[Stand], Awaitable[None]]) -> None:
        """Run ``scene`` with a fresh engine, and stop the engine after it."""

        async def on_stage() -> None:
            stand = Stand(self.make_engine())
            try:
                await scene(stand)
            finally:
                await stand.engine.stop()

        asyncio.run(on_stage())
