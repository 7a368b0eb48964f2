"""Memory engine: one process, nothing on disk; history lives as long as the process does.

It cannot rewind, but its entries carry tags like every engine's, so that a
client cannot mistake another server's log for this one.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable

from msgspec import Struct

from tidewire.channels.options import ChannelOptions
from tidewire.clock import Clock
from tidewire.engines.base import MAX_LISTED, Lease, Page, Query, Receipt, Sink, Snapshot
from tidewire.history.log import Log, Replay
from tidewire.messages import Position, Publication, Signal

ENTRY_OVERHEAD_BYTES = 400
"""What an entry costs beside its data: its object, tag, ids and place in the log (measured)."""

MAX_IN_FLIGHT = 50_000
"""Submissions of one tick. A tick at the speed of the fastest loop has some thousands, so this
is only reached when something floods the loop faster than it turns."""

ONCE_WINDOW_S = 300.0
MAX_ONCE_KEYS = 100_000
"""Idempotency keys remembered for five minutes, 20 MiB at most; then the oldest leave early."""

SWEEP_BATCH = 2_000
"""Channels looked at in one sweep: about a millisecond, so that nobody's ping waits for it."""


class MemoryLimits(Struct, frozen=True):
    """What the histories of all channels together may hold."""

    total_entries: int = 1_000_000
    total_bytes: int = 256 * 1024 * 1024


class _Channel:
    """One channel's log, and whether anybody here reads it."""

    __slots__ = ("is_open", "log", "options")

    def __init__(self, log: Log, options: ChannelOptions) -> None:
        self.log = log
        self.options = options
        self.is_open = False


class MemoryEngine:
    """Every channel's log in this process's memory, bounded over all of them."""

    def __init__(
        self,
        clock: Clock,
        make_epoch: Callable[[], str],
        make_tags: Callable[[int], list[str]],
        limits: MemoryLimits | None = None,
    ) -> None:
        self._clock = clock
        self._make_epoch = make_epoch
        self._make_tags = make_tags
        self._limits = limits or MemoryLimits()
        self._channels: OrderedDict[str, _Channel] = OrderedDict()  # least recently used first
        self._drafts: list[tuple[Publication, ChannelOptions, Receipt | None]] = []
        self._once: OrderedDict[tuple[str, str, str], tuple[float, Position]] = OrderedDict()
        self._unswept: list[str] = []
        self._sink: Sink
        self.entries = 0
        self.bytes = 0

    def start(self, sink: Sink) -> None:
        self._sink = sink

    async def stop(self) -> None:
        drafts, self._drafts = self._drafts, []
        unfinished = [receipt for _, _, receipt in drafts if receipt is not None]
        for receipt in unfinished:
            receipt.outcome = "unknown"
        if unfinished:
            self._sink.settled(unfinished)
        self._channels.clear()

    async def open(self, channel: str, options: ChannelOptions) -> Position:
        state = self._channel(channel, options)
        state.is_open = True
        return state.log.head

    def close(self, channel: str) -> None:
        state = self._channels.get(channel)
        if state is not None:
            state.is_open = False
            self._forget_if_idle(channel, state)

    def submit(self, entry: Publication, options: ChannelOptions, receipt: Receipt | None) -> bool:
        if len(self._drafts) >= MAX_IN_FLIGHT:
            return False
        self._drafts.append((entry, options, receipt))
        return True

    @property
    def has_work(self) -> bool:
        return bool(self._drafts)

    @property
    def in_flight(self) -> int:
        return len(self._drafts)

    def drain(self) -> None:
        drafts, self._drafts = self._drafts, []
        if not drafts:
            return
        fresh: dict[str, list[Publication]] = {}
        receipts = self._accept_all(drafts, fresh)
        self._trim()
        self._hand_over(fresh)
        if receipts:
            self._sink.settled(receipts)

    def _accept_all(
        self,
        drafts: list[tuple[Publication, ChannelOptions, Receipt | None]],
        fresh: dict[str, list[Publication]],
    ) -> list[Receipt]:
        """Each entry takes its ``seq`` and enters history in one step. Hot: flat on purpose."""
        now_ms = int(self._clock.time() * 1000)
        tags = self._make_tags(len(drafts))
        channels = self._channels
        receipts: list[Receipt] = []
        for entry, options, receipt in drafts:
            if receipt is not None:
                receipts.append(receipt)
            if entry.once is not None and self._is_repeat(entry, receipt):
                continue
            name = entry.channel
            state = channels.get(name) or self._channel(name, options)
            log = state.log
            entry.seq, entry.tag, entry.timestamp = log.seq + 1, tags.pop(), now_ms
            gone = log.append(entry)
            if gone is None:
                self.entries += 1
                self.bytes += len(entry.data) + ENTRY_OVERHEAD_BYTES
            else:
                self.bytes += len(entry.data) - len(gone.data)
            if name in fresh:
                fresh[name].append(entry)
            else:
                fresh[name] = [entry]
            if receipt is not None or entry.once is not None:
                self._confirm(entry, receipt, log.head)
        return receipts

    def _confirm(self, entry: Publication, receipt: Receipt | None, position: Position) -> None:
        if receipt is not None:
            receipt.outcome, receipt.position = "accepted", position
        if entry.once is not None:
            self._remember((entry.channel, entry.user_id, entry.once), position)

    def _hand_over(self, fresh: dict[str, list[Publication]]) -> None:
        for channel, entries in fresh.items():
            self._channels.move_to_end(channel)
            state = self._channels[channel]
            if state.is_open:
                self._sink.applied(channel, entries)
            else:
                self._forget_if_idle(channel, state)

    async def read(self, channel: str, options: ChannelOptions, query: Query) -> Page:
        state = self._channel(channel, options)
        self._expire(state.log, options)
        log, since, limit = state.log, query.since, query.limit
        found = Replay(log.latest(limit or len(log))) if since is None else log.since(since)
        if isinstance(found, Replay) and since is not None and limit is not None:
            found = Replay(found.entries[:limit])
        self._forget_if_idle(channel, state)  # asking after names must not keep them
        return Page(log.head, found)

    def signal(self, signal: Signal) -> None:
        raise NotImplementedError

    async def snapshot(self, channel: str, options: ChannelOptions) -> Snapshot:
        raise NotImplementedError

    async def channels(self) -> list[str]:
        return sorted(self._channels)[:MAX_LISTED]

    async def lease(self, name: str, holder: str, ttl_s: float) -> Lease | None:
        raise NotImplementedError

    async def release(self, lease: Lease) -> None:
        raise NotImplementedError

    def sweep(self) -> None:
        horizon = self._clock.monotonic() - ONCE_WINDOW_S
        while self._once and next(iter(self._once.values()))[0] <= horizon:
            self._once.popitem(last=False)
        if not self._unswept:
            self._unswept = list(self._channels)
        for name in self._unswept[-SWEEP_BATCH:]:
            if (state := self._channels.get(name)) is not None:
                self._expire(state.log, state.options)
                self._forget_if_idle(name, state)
        del self._unswept[-SWEEP_BATCH:]

    # -- once ----------------------------------------------------------------------------------

    def _is_repeat(self, entry: Publication, receipt: Receipt | None) -> bool:
        """Whether the entry's ``once`` key was accepted before; then it is confirmed again."""
        key = (entry.channel, entry.user_id, entry.once or "")
        moment, position = self._once.get(key, (-math.inf, None))
        if position is None or moment <= self._clock.monotonic() - ONCE_WINDOW_S:
            return False
        if receipt is not None:
            receipt.outcome, receipt.position = "accepted", position
        return True

    def _remember(self, key: tuple[str, str, str], position: Position) -> None:
        self._once[key] = (self._clock.monotonic(), position)
        self._once.move_to_end(key)
        if len(self._once) > MAX_ONCE_KEYS:
            self._once.popitem(last=False)

    # -- bounds --------------------------------------------------------------------------------

    def _channel(self, name: str, options: ChannelOptions) -> _Channel:
        state = self._channels.get(name)
        if state is None:
            state = _Channel(Log(self._make_epoch(), options.history_size), options)
            self._channels[name] = state
        return state

    def _release(self, entry: Publication) -> None:
        self.entries -= 1
        self.bytes -= len(entry.data) + ENTRY_OVERHEAD_BYTES

    def _expire(self, log: Log, options: ChannelOptions) -> None:
        horizon_ms = int((self._clock.time() - options.history_ttl_s) * 1000)
        while (oldest := log.oldest()) is not None and oldest.timestamp < horizon_ms:
            self._release(log.drop_oldest())

    def _trim(self) -> None:
        """Over the total, the channels used longest ago give up their oldest entries first."""
        limits = self._limits
        while self.entries > limits.total_entries or self.bytes > limits.total_bytes:
            name, state = next(iter(self._channels.items()))
            if len(state.log):
                self._release(state.log.drop_oldest())
            else:
                self._channels.move_to_end(name)

    def _forget_if_idle(self, name: str, state: _Channel) -> None:
        """A channel nobody reads and that keeps nothing is freed; its next life is a new epoch."""
        if not state.is_open and not len(state.log):
            self._channels.pop(name, None)
