"""Both engines against a model in plain Python: whatever is done to them, they answer alike."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec import Struct, field

from tests.support.stores import sqlite_engine
from tidewire.channels.options import ChannelOptions
from tidewire.engines.base import Engine, Gap, Lease, Query, Replay
from tidewire.engines.memory import MemoryEngine
from tidewire.engines.once import ONCE_WINDOW_S
from tidewire.messages import Position
from tidewire.security.ids import TagSource, readable_id
from tidewire.testing.clock import FakeClock
from tidewire.testing.engine_contract import Stand

T = TypeVar("T")

OPTIONS = ChannelOptions(history_size=4, history_ttl_s=30, keeps_latest=True)
CHANNELS = st.sampled_from(["one", "two"])
KEYS = st.none() | st.sampled_from("ab")
HOLDERS = st.sampled_from(["ann", "bob"])
SECONDS = st.sampled_from([0.5, 6, 12, 31, ONCE_WINDOW_S])
PLACES = st.none() | st.integers(-4, 0) | st.integers(-7, 0)
"""Where a read begins or ends, counted from the end of all that was ever published."""


class Asked(Struct, frozen=True):
    """A query before it is known which places there are."""

    since: int | None
    before: int | None
    tagged: bool
    limit: int | None
    newest_first: bool


ASKED = st.builds(
    Asked,
    since=PLACES,
    before=PLACES,
    tagged=st.booleans(),
    limit=st.none() | st.integers(0, 3),
    newest_first=st.booleans(),
)


class Entry(Struct):
    """What the model knows of an entry."""

    data: str
    position: Position
    born_s: float


class Log(Struct):
    """A channel of the model: everything that was ever published in its present life."""

    entries: list[Entry] = field(default_factory=list)
    first: int = 0
    """Before it, entries have left."""
    keys: dict[str, tuple[str, float | None]] = field(default_factory=dict)


def _texts(found: Replay | Gap) -> list[str] | str:
    return "gap" if isinstance(found, Gap) else [each.data for each in found.entries]


class Engines(RuleBasedStateMachine):
    """What every engine promises, at work. A subclass says how an engine is made."""

    def make_engine(self, clock: FakeClock) -> Engine:
        raise NotImplementedError

    @initialize()
    def start(self) -> None:
        self.clock = FakeClock()
        self.runner = asyncio.Runner()
        self.stand = self.run(self._started())
        self.logs: dict[str, Log] = {}
        self.told: dict[str, list[str]] = {"one": [], "two": []}
        self.open: set[str] = set()
        self.once: dict[tuple[str, str], tuple[Position, float]] = {}
        self.lease: tuple[Lease, float] | None = None
        self.last_token = 0
        self.number = 0

    async def _started(self) -> Stand:
        stand = Stand(self.make_engine(self.clock))
        stand.options = OPTIONS
        return stand

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def teardown(self) -> None:
        if hasattr(self, "stand"):
            self.run(self.stand.engine.stop())
            self.runner.close()

    # -- the model -----------------------------------------------------------------------------

    def _kept(self, channel: str) -> list[Entry]:
        """What is neither too old nor too much."""
        log = self.logs.get(channel, Log())
        log.first = max(log.first, len(log.entries) - OPTIONS.history_size)
        horizon_s = self.clock.time() - OPTIONS.history_ttl_s
        while log.first < len(log.entries) and log.entries[log.first].born_s < horizon_s:
            log.first += 1
        return log.entries[log.first :]

    def _keys(self, channel: str) -> dict[str, str]:
        now = self.clock.time()
        keys = self.logs.get(channel, Log()).keys
        for key in [key for key, (_, end) in keys.items() if end is not None and end <= now]:
            del keys[key]
        return {key: data for key, (data, _) in keys.items()}

    def _has_ended(self, channel: str) -> bool:
        """Whether the channel may have been freed: its next life may be a new epoch."""
        keeps = self._kept(channel) or self._keys(channel)
        return not keeps and channel not in self.open

    # -- what is done --------------------------------------------------------------------------

    @rule(
        channel=CHANNELS,
        count=st.integers(1, 6),
        key=KEYS,
        ttl_s=st.none() | st.sampled_from([5.0, 15.0]),
        removes=st.booleans(),
    )
    def publish(
        self, channel: str, count: int, key: str | None, ttl_s: float | None, removes: bool
    ) -> None:
        end_s = None if ttl_s is None else self.clock.time() + ttl_s
        fields: dict[str, Any] = {"key": key}
        if key is not None:
            fields["op"] = "remove" if removes else None
            fields["expires_at"] = None if end_s is None else int(end_s * 1000)
        texts = [self._next_text() for _ in range(count)]
        positions = self.run(self.stand.publish(*texts, channel=channel, **fields))
        for text, position in zip(texts, positions, strict=True):
            self._append(channel, text, position)
            if key is not None and removes:
                self.logs[channel].keys.pop(key, None)
            elif key is not None:
                self.logs[channel].keys[key] = (text, end_s)

    @rule(channel=CHANNELS, once=st.sampled_from("op"))
    def publish_once(self, channel: str, once: str) -> None:
        text = self._next_text()
        (position,) = self.run(self.stand.publish(text, channel=channel, once=once))
        first, end_s = self.once.get((channel, once), (None, 0.0))
        if first is not None and self.clock.monotonic() < end_s:
            assert position == first
            return
        self.once[channel, once] = (position, self.clock.monotonic() + ONCE_WINDOW_S)
        self._append(channel, text, position)

    def _append(self, channel: str, text: str, position: Position) -> None:
        log = self.logs.setdefault(channel, Log())
        if log.entries and log.entries[-1].position.epoch != position.epoch:
            assert self._has_ended(channel)
            log = self.logs[channel] = Log()
        assert position.seq == len(log.entries) + 1
        log.entries.append(Entry(text, position, self.clock.time()))
        if channel in self.open:
            self.told[channel].append(text)

    def _next_text(self) -> str:
        self.number += 1
        return str(self.number)

    @precondition(lambda self: len(self.open) < 2)
    @rule(channel=CHANNELS)
    def open_channel(self, channel: str) -> None:
        if channel in self.open:
            return
        head = self.run(self.stand.open(channel))
        log = self.logs.setdefault(channel, Log())
        if log.entries and head != log.entries[-1].position:
            assert self._has_ended(channel)
            self.logs[channel] = Log()
        self.open.add(channel)

    @rule(channel=CHANNELS)
    def close_channel(self, channel: str) -> None:
        if channel in self.open:
            self.stand.engine.close(channel)
            self.open.discard(channel)

    @rule(seconds=SECONDS)
    def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule()
    def sweep(self) -> None:
        self.stand.engine.sweep()

    # -- what is asked -------------------------------------------------------------------------

    @rule(channel=CHANNELS, asked=st.lists(ASKED, min_size=1, max_size=8))
    def read(self, channel: str, asked: list[Asked]) -> None:
        kept = self._kept(channel)
        if not kept and channel not in self.open:
            return  # its life may have ended: then every place of it is a gap
        log = self.logs[channel]
        for each in asked:
            start, end = (self._place(log, back, each) for back in (each.since, each.before))
            query = Query(start, end, each.limit, each.newest_first)
            page = self.run(self.stand.engine.read(channel, OPTIONS, query))
            assert _texts(page.found) == self._answer(log, query)

    def _place(self, log: Log, back: int | None, asked: Asked) -> Position | None:
        if back is None or not log.entries:
            return None
        seq = max(0, len(log.entries) + back)
        position = log.entries[seq - 1].position if seq else log.entries[0].position
        return Position(position.epoch, seq, position.tag if asked.tagged and seq else "")

    def _answer(self, log: Log, query: Query) -> list[str] | str:
        """As the contract says it, the slow way."""
        head = len(log.entries)
        for place in (query.since, query.before):
            if place is None:
                continue
            is_kept = log.first < place.seq <= head or (place.tag and place.seq == head)
            if place.seq < log.first or (place.tag and not is_kept):
                return "gap"
        low = log.first if query.since is None else query.since.seq
        high = head if query.before is None else query.before.seq - 1
        found = [each.data for each in log.entries[low : max(low, high)]]
        if query.limit is not None:
            keeps_oldest = query.since is not None and not query.newest_first
            skipped = 0 if keeps_oldest else max(0, len(found) - query.limit)
            found = found[skipped : skipped + query.limit]
        return found[::-1] if query.newest_first else found

    @rule(holder=HOLDERS, ttl_s=st.sampled_from([5.0, 25.0]))
    def take_lease(self, holder: str, ttl_s: float) -> None:
        now = self.clock.monotonic()
        held = self.lease[0] if self.lease is not None and self.lease[1] > now else None
        lease = self.run(self.stand.engine.lease("room", holder, ttl_s))
        if held is not None and held.holder != holder:
            assert lease is None
            return
        assert lease is not None
        assert (lease.token == self.last_token) if held else (lease.token > self.last_token)
        self.lease, self.last_token = (lease, now + ttl_s), lease.token

    @rule()
    def give_lease_back(self) -> None:
        if self.lease is not None:
            self.run(self.stand.engine.release(self.lease[0]))
            self.lease = None

    # -- what is always so ---------------------------------------------------------------------

    @invariant()
    def snapshots_are_what_was_set(self) -> None:
        if not hasattr(self, "stand"):
            return
        for channel in ("one", "two"):
            assert self.run(self.stand.keys(channel)) == self._keys(channel)

    @invariant()
    def an_open_channel_is_told_all_and_once(self) -> None:
        if not hasattr(self, "stand"):
            return
        for channel in ("one", "two"):
            told = [each.data for each in self.stand.sink.entries if each.channel == channel]
            assert told == self.told[channel]

    @invariant()
    def what_keeps_something_is_listed(self) -> None:
        if not hasattr(self, "stand"):
            return
        listed = self.run(self.stand.engine.channels())
        assert self.open <= set(listed)
        for channel in ("one", "two"):
            assert channel in listed or not (self._kept(channel) or self._keys(channel))


class MemoryEngines(Engines):
    def make_engine(self, clock: FakeClock) -> Engine:
        return MemoryEngine(clock, lambda: readable_id(8), TagSource().take)


class SqliteEngines(Engines):
    """In a file of its own, and sometimes started again."""

    def make_engine(self, clock: FakeClock) -> Engine:
        if not hasattr(self, "folder"):
            self.folder = tempfile.TemporaryDirectory()
        return sqlite_engine(Path(self.folder.name) / "history.db", clock)

    @rule()
    def start_again(self) -> None:
        self.run(self.stand.engine.stop())
        before = self.stand.sink
        self.stand = self.run(self._started())
        self.stand.sink.entries.extend(before.entries)
        self.open.clear()
        self.lease = None

    def teardown(self) -> None:
        super().teardown()
        if hasattr(self, "folder"):
            self.folder.cleanup()


TestMemory = MemoryEngines.TestCase
TestMemory.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
TestSqlite = SqliteEngines.TestCase
TestSqlite.settings = settings(max_examples=30, stateful_step_count=40, deadline=None)
