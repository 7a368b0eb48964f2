"""Holdings: what the memory engine keeps for all channels together, and the bounds of that."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from msgspec import Struct

from tidewire.channels.options import ChannelOptions
from tidewire.clock import Clock
from tidewire.history.latest import Latest
from tidewire.history.log import Log
from tidewire.messages import Position, Publication

ENTRY_OVERHEAD_BYTES = 400
"""What an entry costs beside its data: its object, tag, ids and place in the log (measured)."""

LATEST_SHARE = 0.5
"""Of the totals for latest-per-key maps: what they hold cannot be let go of, so more is refused,
and history keeps the rest."""

SWEEP_BATCH = 2_000
"""Channels looked at in one sweep: about a millisecond, so that nobody's ping waits for it."""


MAX_FREED = 10_000
"""Freed channels whose last position is remembered, 5 MiB at most. Whoever was the only reader, and
comes back after another has published, is told what it missed then, and no gap."""


class MemoryLimits(Struct, frozen=True):
    """What all channels together may hold, their histories and their maps."""

    total_entries: int = 1_000_000
    total_bytes: int = 256 * 1024 * 1024


class Channel:
    """One channel's log and map, and whether anybody here reads it."""

    __slots__ = ("is_open", "latest", "log", "name", "options", "was_open")

    def __init__(self, name: str, log: Log, options: ChannelOptions) -> None:
        self.name = name
        self.log = log
        self.latest = Latest()
        self.options = options
        self.is_open = False
        self.was_open = False


class Holdings:
    """The channels, and what they come to. ``entries`` and ``bytes`` include the maps."""

    def __init__(self, clock: Clock, make_epoch: Callable[[], str], limits: MemoryLimits) -> None:
        self._clock = clock
        self._make_epoch = make_epoch
        self._limits = limits
        self._unswept: list[str] = []
        self._latest_keys = 0
        self._latest_bytes = 0
        self._freed: OrderedDict[str, Position] = OrderedDict()
        self.channels: OrderedDict[str, Channel] = OrderedDict()  # least recently used first
        self.entries = 0
        self.bytes = 0

    def channel(self, name: str, options: ChannelOptions) -> Channel:
        """The channel, one that goes on where it was freed or a new one where it is not there."""
        channel = self.channels.get(name)
        if channel is None:
            channel = self.channels[name] = Channel(name, self._log(name, options), options)
            channel.was_open = self._freed.pop(name, None) is not None
        return channel

    def _log(self, name: str, options: ChannelOptions) -> Log:
        head = self._freed.get(name)
        if head is None:
            return Log(self._make_epoch(), options.history_size)
        log = Log(head.epoch, options.history_size)
        log.seq, log.last_tag = head.seq, head.tag
        return log

    def forget_if_idle(self, channel: Channel) -> None:
        """A channel nobody reads and that keeps nothing is freed, but for its position."""
        if channel.is_open or len(channel.log) or len(channel.latest):
            return
        if self.channels.pop(channel.name, None) is None:
            return
        if channel.was_open or channel.log.seq:  # asking after names must not push out others
            self._freed[channel.name] = channel.log.head
            if len(self._freed) > MAX_FREED:
                self._freed.popitem(last=False)

    def clear(self) -> None:
        self.channels.clear()
        self._freed.clear()

    # -- the latest per key --------------------------------------------------------------------

    def set_key(self, latest: Latest, entry: Publication, now_ms: int) -> bool:
        """Apply an entry that is about to be appended, if its map and all maps have room for it."""
        if len(latest):
            self.expire_keys(latest, now_ms)
        keys, size = latest.growth(entry)
        if not (latest.has_room(entry) and self._have_maps_room(keys, size)):
            return False
        latest.apply(entry)
        self._count_latest(keys, size)
        return True

    def expire_keys(self, latest: Latest, now_ms: int) -> None:
        keys, size = len(latest), latest.bytes
        latest.expire(now_ms)
        self._count_latest(len(latest) - keys, latest.bytes - size)

    def _have_maps_room(self, keys: int, size: int) -> bool:
        limits = self._limits
        has_keys = keys <= 0 or self._latest_keys + keys <= limits.total_entries * LATEST_SHARE
        has_bytes = size <= 0 or self._latest_bytes + size <= limits.total_bytes * LATEST_SHARE
        return has_keys and has_bytes

    def _count_latest(self, keys: int, size: int) -> None:
        self.entries += keys
        self.bytes += size
        self._latest_keys += keys
        self._latest_bytes += size

    # -- letting go ----------------------------------------------------------------------------

    def expire(self, log: Log, options: ChannelOptions) -> None:
        """Let go of entries that are too old."""
        horizon_ms = int((self._clock.time() - options.history_ttl_s) * 1000)
        while (oldest := log.oldest()) is not None and oldest.timestamp < horizon_ms:
            self._release(log.drop_oldest())

    def trim(self) -> None:
        """Over the total, the channels used longest ago give up their oldest entries first.

        Maps have at most a share of it, so whatever is over is some channel's history.
        """
        limits = self._limits
        while self.entries > limits.total_entries or self.bytes > limits.total_bytes:
            name, channel = next(iter(self.channels.items()))
            if len(channel.log):
                self._release(channel.log.drop_oldest())
            else:
                self.channels.move_to_end(name)

    def sweep(self) -> None:
        """Look at the next channels in turn."""
        if not self._unswept:
            self._unswept = list(self.channels)
        now_ms = int(self._clock.time() * 1000)
        for name in self._unswept[-SWEEP_BATCH:]:
            if (channel := self.channels.get(name)) is not None:
                self.expire(channel.log, channel.options)
                self.expire_keys(channel.latest, now_ms)
                self.forget_if_idle(channel)
        del self._unswept[-SWEEP_BATCH:]

    def _release(self, entry: Publication) -> None:
        self.entries -= 1
        self.bytes -= len(entry.data) + ENTRY_OVERHEAD_BYTES
