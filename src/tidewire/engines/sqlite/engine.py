"""SQLite engine: one process, one file; what is acknowledged survives ``kill -9`` and power loss.

The event loop's side: it hands what is submitted to the writer at the end of the
tick, and tells the sink how that ended.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from msgspec import Struct

from tidewire.channels.options import ChannelOptions
from tidewire.clock import Clock
from tidewire.engines.base import (
    MAX_IN_FLIGHT,
    MAX_LISTED,
    Draft,
    Figures,
    Lease,
    Page,
    Query,
    Receipt,
    Sink,
    Snapshot,
)
from tidewire.engines.leases import Leases
from tidewire.engines.signals import SignalBox
from tidewire.engines.sqlite.batch import Outcome
from tidewire.engines.sqlite.ledger import Ledger
from tidewire.engines.sqlite.reader import Reader
from tidewire.engines.sqlite.schema import FileLock, connect_writer, why_unusable
from tidewire.engines.sqlite.writer import Writer
from tidewire.errors import EngineUnavailable, StartFailed
from tidewire.messages import Position, Publication, Signal

Answered = TypeVar("Answered", Page, Snapshot)


class SqliteLimits(Struct, frozen=True):
    """What the file may hold."""

    total_bytes: int = 4 * 1024**3


class SqliteEngine:
    """Every channel's log in one file. Only one process may have it open."""

    def __init__(
        self,
        path: Path,
        clock: Clock,
        make_epoch: Callable[[], str],
        make_tags: Callable[[int], list[str]],
        limits: SqliteLimits | None = None,
    ) -> None:
        self._path = path.absolute()
        self._clock = clock
        self._make_epoch = make_epoch
        self._make_tags = make_tags
        self._limits = limits or SqliteLimits()
        self._open: dict[str, Position] = {}  # the last that was handed over
        self._drafts: list[Draft] = []
        self._written = 0  # publications that are with the writer
        self._signals = SignalBox()
        self._leases = Leases(clock)
        self._handed_over: asyncio.Future[None] | None = None
        self._is_running = False
        self._sink: Sink
        self._lock: FileLock
        self._writer: Writer
        self._reader: Reader

    def start(self, sink: Sink) -> None:
        if reason := why_unusable(self._path):
            raise StartFailed(reason)
        self._sink = sink
        self._lock = FileLock(self._path)
        try:
            self._writer = Writer(
                connect_writer(self._path),
                clock=self._clock,
                make_epoch=self._make_epoch,
                make_tags=self._make_tags,
                max_bytes=self._limits.total_bytes,
                deliver=self._deliver,
            )
        except BaseException:
            self._lock.release()
            raise
        self._reader = Reader(self._path)
        self._writer.start()
        self._is_running = True

    async def stop(self) -> None:
        if not self._is_running:
            return
        self._is_running = False
        self.drain()
        self._reader.stop()  # first: the last to close the file tidies up beside it
        await self._writer.stop()
        self._wake()
        self._lock.release()

    async def open(self, channel: str, options: ChannelOptions) -> Position:
        def opened(head: Position) -> None:
            self._open[channel] = head

        try:
            await self._writer.ask(lambda ledger: ledger.open(channel), opened)
        except BaseException:
            self.close(channel)
            raise
        return self._open[channel]  # more may have been handed over since, to nobody

    def close(self, channel: str) -> None:
        self._open.pop(channel, None)
        self._writer.tell(lambda ledger: ledger.close(channel))

    # -- publishing ----------------------------------------------------------------------------

    def submit(self, entry: Publication, options: ChannelOptions, receipt: Receipt | None) -> bool:
        if not self._is_running or len(self._drafts) + self._written >= MAX_IN_FLIGHT:
            return False
        self._drafts.append((entry, options, receipt))
        return True

    def signal(self, signal: Signal) -> None:
        self._signals.add(signal)

    @property
    def has_work(self) -> bool:
        return bool(self._drafts or self._signals)

    @property
    def in_flight(self) -> int:
        return len(self._drafts)

    def drain(self) -> None:
        if self._drafts:
            drafts, self._drafts = self._drafts, []
            self._written += len(drafts)
            self._writer.publish(drafts)
        for channel, signals in self._signals.empty().items():
            if channel in self._open:
                self._sink.signalled(channel, signals)

    def _deliver(self, count: int, outcome: Outcome) -> None:
        """What the writer has done, in the order it did it."""
        self._written -= count
        for channel, entries in outcome.fresh.items():
            here = self._open.get(channel)
            if here is not None:
                last = entries[-1]
                self._open[channel] = Position(here.epoch, last.seq, last.tag)
                self._sink.applied(channel, entries)
        if outcome.receipts:
            self._sink.settled(outcome.receipts)
        self._wake()

    # -- reading -------------------------------------------------------------------------------

    async def read(self, channel: str, options: ChannelOptions, query: Query) -> Page:
        horizon_ms = int((self._clock.time() - options.history_ttl_s) * 1000)
        return await self._once_handed_over(
            channel, self._reader.page(channel, self._start_of(channel), query, horizon_ms)
        )

    async def snapshot(self, channel: str, options: ChannelOptions) -> Snapshot:
        now_ms = int(self._clock.time() * 1000)
        return await self._once_handed_over(
            channel, self._reader.snapshot(channel, self._start_of(channel), now_ms)
        )

    async def channels(self) -> list[str]:
        kept = await self._reader.channels()
        return sorted({*kept, *self._open})[:MAX_LISTED]

    def _start_of(self, channel: str) -> Position:
        """The head of a channel that is not in the file: nothing was published in it."""
        return self._open.get(channel) or Position(self._make_epoch(), 0)

    async def _once_handed_over(self, channel: str, reading: Awaitable[Answered]) -> Answered:
        """What was read, when what it may be ahead of the loop has been handed over."""
        answer = await reading
        while (here := self._open.get(channel)) is not None and here.seq < answer.head.seq:
            if not self._is_running:
                raise EngineUnavailable("the engine has stopped")
            if self._handed_over is None:
                self._handed_over = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._handed_over)
        return answer

    def _wake(self) -> None:
        if self._handed_over is not None:
            self._handed_over.set_result(None)
            self._handed_over = None

    # -- leases --------------------------------------------------------------------------------

    async def lease(self, name: str, holder: str, ttl_s: float) -> Lease | None:
        """Who held one in an earlier process has ended with it; the tokens go on."""
        held = self._leases.held(name)
        if held is None:
            tokens: list[int] = []
            await self._writer.ask(Ledger.next_token, tokens.append)
            held = self._leases.held(name)  # another may have been faster
            if held is None:
                return self._leases.grant(Lease(name, holder, tokens[0], ttl_s))
        return self._leases.renew(held, ttl_s) if held.holder == holder else None

    async def release(self, lease: Lease) -> None:
        self._leases.release(lease)

    # -- bounds, and what an operator sees -----------------------------------------------------

    def figures(self) -> Figures:
        writer, in_flight = self._writer, len(self._drafts) + self._written
        return Figures(writer.kept, writer.used_bytes, in_flight, is_failing=writer.is_failing)

    def sweep(self) -> None:
        self._leases.sweep()
        self._writer.sweep()
