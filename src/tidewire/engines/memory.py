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
from tidewire.engines.base import Page, Sink, Submission
from tidewire.history.log import Log, Replay
from tidewire.messages import Position, Publication

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
        make_tag: Callable[[], str],
        limits: MemoryLimits | None = None,
    ) -> None:
        self._clock = clock
        self._make_epoch = make_epoch
        self._make_tag = make_tag
        self._limits = limits or MemoryLimits()
        self._channels: OrderedDict[str, _Channel] = OrderedDict()  # least recently used first
        self._submitted: list[Submission] = []
        self._once: OrderedDict[tuple[str, str, str], tuple[float, Position]] = OrderedDict()
        self._unswept: list[str] = []
        self._sink: Sink
        self.entries = 0
        self.bytes = 0

    def start(self, sink: Sink) -> None:
        self._sink = sink

    async def stop(self) -> None:
        unfinished, self._submitted = self._submitted, []
        for each in unfinished:
            each.outcome = "unknown"
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

    def submit(self, submission: Submission) -> bool:
        if len(self._submitted) >= MAX_IN_FLIGHT:
            return False
        self._submitted.append(submission)
        return True

    @property
    def has_work(self) -> bool:
        return bool(self._submitted)

    def drain(self) -> None:
        submitted, self._submitted = self._submitted, []
        if not submitted:
            return
        now_ms = int(self._clock.time() * 1000)
        fresh: dict[str, list[Publication]] = {}
        for each in submitted:
            if each.once is None or not self._repeat(each):
                self._accept(each, now_ms, fresh)
        self._trim()
        self._hand_over(fresh)
        self._sink.settled(submitted)

    def _hand_over(self, fresh: dict[str, list[Publication]]) -> None:
        for channel, entries in fresh.items():
            self._channels.move_to_end(channel)
            state = self._channels[channel]
            if state.is_open:
                self._sink.applied(channel, entries)
            else:
                self._forget_if_idle(channel, state)

    async def read(
        self, channel: str, options: ChannelOptions, since: Position | None, limit: int | None
    ) -> Page:
        state = self._channel(channel, options)
        self._expire(state.log, options)
        log = state.log
        found = Replay(log.latest(limit or len(log))) if since is None else log.since(since)
        if isinstance(found, Replay) and since is not None and limit is not None:
            found = Replay(found.entries[:limit])
        return Page(log.head, found)

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

    # -- one submission ------------------------------------------------------------------------

    def _accept(
        self, submission: Submission, now_ms: int, fresh: dict[str, list[Publication]]
    ) -> None:
        """Take the next ``seq`` and enter history, in one step. Hot: positional and flat."""
        name = submission.channel
        state = self._channels.get(name)
        if state is None:
            state = self._channel(name, submission.options)
        log = state.log
        seq, tag = log.seq + 1, self._make_tag()
        entry = Publication(
            name,
            seq,
            tag,
            now_ms,
            submission.user_id,
            submission.client_id,
            submission.data,
            submission.kind,
            submission.once,
            submission.key,
            submission.ref,
        )
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
        submission.outcome = "accepted"
        submission.epoch, submission.seq, submission.tag = log.epoch, seq, tag
        if submission.once is not None:
            self._remember(submission, submission.once)

    def _repeat(self, submission: Submission) -> bool:
        """Accept what was accepted before under the same ``once`` key; whether it was."""
        key = (submission.channel, submission.user_id, submission.once or "")
        moment, position = self._once.get(key, (-math.inf, None))
        if position is None or moment <= self._clock.monotonic() - ONCE_WINDOW_S:
            return False
        submission.outcome = "accepted"
        submission.epoch, submission.seq = position.epoch, position.seq
        submission.tag = position.tag
        return True

    def _remember(self, submission: Submission, once: str) -> None:
        key = (submission.channel, submission.user_id, once)
        position = Position(submission.epoch, submission.seq, submission.tag)
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
