"""Memory engine: one process, nothing on disk; history lives as long as the process does.

It cannot rewind, but its entries carry tags like every engine's, so that a
client cannot mistake another server's log for this one.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable

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
from tidewire.engines.holdings import ENTRY_OVERHEAD_BYTES, Channel, Holdings, MemoryLimits
from tidewire.engines.leases import Leases
from tidewire.engines.once import OnceKeys
from tidewire.engines.signals import SignalBox
from tidewire.messages import Position, Publication, Signal

__all__ = ["MemoryEngine", "MemoryLimits"]


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
        self._make_tags = make_tags
        self._holdings = Holdings(clock, make_epoch, limits or MemoryLimits())
        self._drafts: list[Draft] = []
        self._signals = SignalBox()
        self._once = OnceKeys(clock)
        self._leases = Leases(clock)
        self._last_token = 0
        self._sink: Sink

    def start(self, sink: Sink) -> None:
        self._sink = sink

    async def stop(self) -> None:
        drafts, self._drafts = self._drafts, []
        unfinished = [receipt for _, _, receipt in drafts if receipt is not None]
        for receipt in unfinished:
            receipt.outcome = "unknown"
        if unfinished:
            self._sink.settled(unfinished)
        self._holdings.clear()

    async def open(self, channel: str, options: ChannelOptions) -> Position:
        state = self._holdings.channel(channel, options)
        state.is_open = state.was_open = True
        return state.log.head

    def close(self, channel: str) -> None:
        state = self._holdings.channels.get(channel)
        if state is not None:
            state.is_open = False
            self._holdings.forget_if_idle(state)

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
            self._holdings.trim()
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
        holdings = self._holdings
        channels = holdings.channels
        receipts: list[Receipt] = []
        entries = size = 0
        for entry, options, receipt in drafts:
            if receipt is not None:
                receipts.append(receipt)
            if entry.once is not None and self._is_repeat(entry, receipt):
                continue
            name = entry.channel
            state = channels.get(name) or holdings.channel(name, options)
            if (
                entry.key is not None
                and options.keeps_latest
                and not holdings.set_key(state.latest, entry, now_ms)
            ):
                self._refuse(state, receipt)
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
            if receipt is not None:
                receipt.outcome, receipt.position = "accepted", log.head
            if entry.once is not None:
                self._once.remember(entry, log.head)
        holdings.entries += entries
        holdings.bytes += size
        return receipts

    def _is_repeat(self, entry: Publication, receipt: Receipt | None) -> bool:
        """Whether the entry's ``once`` key was accepted before; then it is confirmed again."""
        position = self._once.position(entry)
        if position is None:
            return False
        if receipt is not None:
            receipt.outcome, receipt.position = "accepted", position
        return True

    def _refuse(self, state: Channel, receipt: Receipt | None) -> None:
        if receipt is not None:
            receipt.outcome = "refused"
        self._holdings.forget_if_idle(state)

    def _hand_over(self, fresh: dict[str, list[Publication]]) -> None:
        channels = self._holdings.channels
        for channel, entries in fresh.items():
            channels.move_to_end(channel)
            state = channels[channel]
            if state.is_open:
                self._sink.applied(channel, entries)
            else:
                self._holdings.forget_if_idle(state)

    def _hand_over_signals(self) -> None:
        for channel, signals in self._signals.empty().items():
            state = self._holdings.channels.get(channel)
            if state is not None and state.is_open:
                self._sink.signalled(channel, signals)

    # -- reading -------------------------------------------------------------------------------

    async def read(self, channel: str, options: ChannelOptions, query: Query) -> Page:
        state = self._holdings.channel(channel, options)
        self._holdings.expire(state.log, options)
        page = Page(state.log.head, state.log.read(query))
        self._holdings.forget_if_idle(state)  # asking after names must not keep them
        return page

    async def snapshot(self, channel: str, options: ChannelOptions) -> Snapshot:
        state = self._holdings.channel(channel, options)
        self._holdings.expire_keys(state.latest, int(self._clock.time() * 1000))
        snapshot = Snapshot(state.log.head, state.latest.entries)
        self._holdings.forget_if_idle(state)
        return snapshot

    async def channels(self) -> list[str]:
        return heapq.nsmallest(MAX_LISTED, self._holdings.channels)

    # -- leases --------------------------------------------------------------------------------

    async def lease(self, name: str, holder: str, ttl_s: float) -> Lease | None:
        held = self._leases.held(name)
        if held is None:
            self._last_token += 1
            return self._leases.grant(Lease(name, holder, self._last_token, ttl_s))
        return self._leases.renew(held, ttl_s) if held.holder == holder else None

    async def release(self, lease: Lease) -> None:
        self._leases.release(lease)

    # -- bounds, and what an operator sees -----------------------------------------------------

    def figures(self) -> Figures:
        holdings, in_flight = self._holdings, len(self._drafts)
        return Figures(holdings.entries, holdings.bytes, in_flight, is_failing=False)

    def sweep(self) -> None:
        self._once.sweep()
        self._leases.sweep()
        self._holdings.sweep()
