"""Memory engine: one process, nothing on disk; history lives as long as the process does.

It cannot rewind, but its entries carry tags like every engine's, so that a
client cannot mistake another server's log for this one.
"""

from __future__ import annotations

import heapq
from collections import OrderedDict
from collections.abc import Callable
from typing import TypeAlias

from msgspec import Struct

from tidewire.channels.options import ChannelOptions
from tidewire.clock import Clock
from tidewire.engines.base import (
    MAX_IN_FLIGHT,
    MAX_LISTED,
    Figures,
    Lease,
    Page,
    Query,
    Receipt,
    Sink,
    Snapshot,
)
from tidewire.engines.leases import Leases
from tidewire.engines.once import OnceKeys
from tidewire.engines.signals import SignalBox
from tidewire.history.latest import Latest
from tidewire.history.log import Log
from tidewire.messages import Position, Publication, Signal

ENTRY_OVERHEAD_BYTES = 400
"""What an entry costs beside its data: its object, tag, ids and place in the log (measured)."""

LATEST_SHARE = 0.5
"""Of the totals for latest-per-key maps: what they hold cannot be let go of, so more is refused,
and history keeps the rest."""

SWEEP_BATCH = 2_000
"""Channels looked at in one sweep: about a millisecond, so that nobody's ping waits for it."""

Draft: TypeAlias = tuple[Publication, ChannelOptions, Receipt | None]


class MemoryLimits(Struct, frozen=True):
    """What all channels together may hold, their histories and their maps."""

    total_entries: int = 1_000_000
    total_bytes: int = 256 * 1024 * 1024


class _Channel:
    """One channel's log and map, and whether anybody here reads it."""

    __slots__ = ("is_open", "latest", "log", "options")

    def __init__(self, log: Log, options: ChannelOptions) -> None:
        self.log = log
        self.latest = Latest()
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
        self._drafts: list[Draft] = []
        self._signals = SignalBox()
        self._once = OnceKeys(clock)
        self._leases = Leases(clock)
        self._last_token = 0
        self._unswept: list[str] = []
        self._sink: Sink
        self.entries = 0
        self.bytes = 0
        self._latest_keys = 0
        self._latest_bytes = 0

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

    # -- publishing ----------------------------------------------------------------------------

    def submit(self, entry: Publication, options: ChannelOptions, receipt: Receipt | None) -> bool:
        if len(self._drafts) >= MAX_IN_FLIGHT:
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
        drafts, self._drafts = self._drafts, []
        if drafts:
            fresh: dict[str, list[Publication]] = {}
            receipts = self._accept_all(drafts, fresh)
            self._trim()
            self._hand_over(fresh)
            if receipts:
                self._sink.settled(receipts)
        if self._signals:
            self._hand_over_signals()

    def _accept_all(
        self, drafts: list[Draft], fresh: dict[str, list[Publication]]
    ) -> list[Receipt]:
        """Each entry takes its ``seq`` and enters history in one step. Hot: flat on purpose."""
        now_ms = int(self._clock.time() * 1000)
        tags = self._make_tags(len(drafts))
        channels = self._channels
        receipts: list[Receipt] = []
        entries = size = 0
        for entry, options, receipt in drafts:
            if receipt is not None:
                receipts.append(receipt)
            if entry.once is not None and self._is_repeat(entry, receipt):
                continue
            name = entry.channel
            state = channels.get(name) or self._channel(name, options)
            if (
                entry.key is not None
                and options.keeps_latest
                and not self._set_key(state.latest, entry, now_ms)
            ):
                self._refuse(name, state, receipt)
                continue
            log = state.log
            entry.seq, entry.tag, entry.timestamp = log.seq + 1, tags.pop(), now_ms
            gone = log.append(entry)
            if gone is None:
                entries += 1
                size += len(entry.data) + ENTRY_OVERHEAD_BYTES
            else:
                size += len(entry.data) - len(gone.data)
            if name in fresh:
                fresh[name].append(entry)
            else:
                fresh[name] = [entry]
            if receipt is not None or entry.once is not None:
                self._confirm(entry, receipt, log.head)
        self.entries += entries
        self.bytes += size
        return receipts

    def _is_repeat(self, entry: Publication, receipt: Receipt | None) -> bool:
        """Whether the entry's ``once`` key was accepted before; then it is confirmed again."""
        position = self._once.position(entry)
        if position is None:
            return False
        if receipt is not None:
            receipt.outcome, receipt.position = "accepted", position
        return True

    def _refuse(self, name: str, state: _Channel, receipt: Receipt | None) -> None:
        if receipt is not None:
            receipt.outcome = "refused"
        self._forget_if_idle(name, state)

    def _confirm(self, entry: Publication, receipt: Receipt | None, position: Position) -> None:
        if receipt is not None:
            receipt.outcome, receipt.position = "accepted", position
        if entry.once is not None:
            self._once.remember(entry, position)

    def _hand_over(self, fresh: dict[str, list[Publication]]) -> None:
        for channel, entries in fresh.items():
            self._channels.move_to_end(channel)
            state = self._channels[channel]
            if state.is_open:
                self._sink.applied(channel, entries)
            else:
                self._forget_if_idle(channel, state)

    def _hand_over_signals(self) -> None:
        for channel, signals in self._signals.empty().items():
            state = self._channels.get(channel)
            if state is not None and state.is_open:
                self._sink.signalled(channel, signals)

    # -- reading -------------------------------------------------------------------------------

    async def read(self, channel: str, options: ChannelOptions, query: Query) -> Page:
        state = self._channel(channel, options)
        self._expire(state.log, options)
        page = Page(state.log.head, state.log.read(query))
        self._forget_if_idle(channel, state)  # asking after names must not keep them
        return page

    async def snapshot(self, channel: str, options: ChannelOptions) -> Snapshot:
        state = self._channel(channel, options)
        self._expire_keys(state.latest)
        snapshot = Snapshot(state.log.head, state.latest.entries)
        self._forget_if_idle(channel, state)
        return snapshot

    async def channels(self) -> list[str]:
        return heapq.nsmallest(MAX_LISTED, self._channels)

    # -- leases --------------------------------------------------------------------------------

    async def lease(self, name: str, holder: str, ttl_s: float) -> Lease | None:
        held = self._leases.held(name)
        if held is None:
            self._last_token += 1
            return self._leases.grant(Lease(name, holder, self._last_token, ttl_s))
        return self._leases.renew(held, ttl_s) if held.holder == holder else None

    async def release(self, lease: Lease) -> None:
        self._leases.release(lease)

    # -- the latest per key --------------------------------------------------------------------

    def _set_key(self, latest: Latest, entry: Publication, now_ms: int) -> bool:
        """Apply an entry that is about to be appended, if its map and all maps have room for it."""
        if len(latest):
            self._expire_keys(latest, now_ms)
        keys, size = latest.growth(entry)
        if not (latest.has_room(entry) and self._have_maps_room(keys, size)):
            return False
        latest.apply(entry)
        self._count_latest(keys, size)
        return True

    def _have_maps_room(self, keys: int, size: int) -> bool:
        limits = self._limits
        has_keys = keys <= 0 or self._latest_keys + keys <= limits.total_entries * LATEST_SHARE
        has_bytes = size <= 0 or self._latest_bytes + size <= limits.total_bytes * LATEST_SHARE
        return has_keys and has_bytes

    def _expire_keys(self, latest: Latest, now_ms: int | None = None) -> None:
        keys, size = len(latest), latest.bytes
        latest.expire(int(self._clock.time() * 1000) if now_ms is None else now_ms)
        self._count_latest(len(latest) - keys, latest.bytes - size)

    def _count_latest(self, keys: int, size: int) -> None:
        self.entries += keys
        self.bytes += size
        self._latest_keys += keys
        self._latest_bytes += size

    # -- bounds, and what an operator sees -----------------------------------------------------

    def figures(self) -> Figures:
        return Figures(self.entries, self.bytes, len(self._drafts), is_failing=False)

    def sweep(self) -> None:
        self._once.sweep()
        self._leases.sweep()
        if not self._unswept:
            self._unswept = list(self._channels)
        for name in self._unswept[-SWEEP_BATCH:]:
            if (state := self._channels.get(name)) is not None:
                self._expire(state.log, state.options)
                self._expire_keys(state.latest)
                self._forget_if_idle(name, state)
        del self._unswept[-SWEEP_BATCH:]

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
        """Over the total, the channels used longest ago give up their oldest entries first.

        Maps have at most a share of it, so whatever is over is some channel's history.
        """
        limits = self._limits
        while self.entries > limits.total_entries or self.bytes > limits.total_bytes:
            name, state = next(iter(self._channels.items()))
            if len(state.log):
                self._release(state.log.drop_oldest())
            else:
                self._channels.move_to_end(name)

    def _forget_if_idle(self, name: str, state: _Channel) -> None:
        """A channel nobody reads and that keeps nothing is freed; its next life is a new epoch."""
        if not (state.is_open or len(state.log) or len(state.latest)):
            self._channels.pop(name, None)
