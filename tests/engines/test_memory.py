"""The memory engine: the contract of every engine, and bounds of its own."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.loops import drive
from tidewire.channels.options import ChannelOptions
from tidewire.engines import holdings, memory, once
from tidewire.engines.base import Engine, Query, Receipt
from tidewire.engines.holdings import ENTRY_OVERHEAD_BYTES
from tidewire.engines.memory import MemoryEngine, MemoryLimits
from tidewire.engines.once import ONCE_WINDOW_S
from tidewire.history.log import Gap, Replay
from tidewire.messages import Position, Publication
from tidewire.testing.clock import FakeClock
from tidewire.testing.engine_contract import EngineContract, RecordingSink


class Store:
    """A memory engine on a clock that stands still, with readable epochs and tags."""

    def __init__(self, limits: MemoryLimits | None = None) -> None:
        self.clock = FakeClock()
        epochs, tags = count(1), count(1)
        self.engine = MemoryEngine(
            self.clock,
            lambda: f"e{next(epochs)}",
            lambda number: [f"t{next(tags)}" for _ in range(number)],
            limits,
        )
        self.sink = RecordingSink()
        self.engine.start(self.sink)
        self.options = ChannelOptions()

    def publish(self, channel: str = "room", data: str = "1", **fields: Any) -> Position:
        position = self.try_to_publish(channel, data, **fields).position
        assert position is not None
        return position

    def try_to_publish(self, channel: str = "room", data: str = "1", **fields: Any) -> Receipt:
        receipt = Receipt(channel, None, 1)
        entry = Publication(channel, 0, "", 0, "ann", "c1", data, **fields)
        assert self.engine.submit(entry, self.options, receipt)
        self.engine.drain()
        return receipt

    def kept(self, channel: str = "room") -> list[str]:
        page = drive(self.engine.read(channel, self.options, Query()))
        assert not isinstance(page.found, Gap)
        return [each.data for each in page.found.entries]

    def open(self, channel: str = "room") -> Position:
        return drive(self.engine.open(channel, self.options))


@pytest.fixture
def store() -> Store:
    return Store()


class TestContract(EngineContract):
    def make_engine(self) -> Engine:
        self.store = Store()
        return self.store.engine

    def now_s(self) -> float:
        return self.store.clock.time()

    def pass_time(self, seconds: float) -> None:
        self.store.clock.advance(seconds)


# --- totals -----------------------------------------------------------------------------------


def test_over_the_total_of_entries_the_channel_used_longest_ago_gives_up_its_oldest() -> None:
    store = Store(MemoryLimits(total_entries=4))
    for channel in ("old", "old", "new", "new", "new"):
        store.publish(channel, data=channel)
    assert (store.kept("old"), store.kept("new")) == (["old"], ["new"] * 3)
    assert store.engine.figures().entries == 4


def test_over_the_total_of_bytes_the_oldest_entries_leave() -> None:
    store = Store(MemoryLimits(total_bytes=2 * (ENTRY_OVERHEAD_BYTES + 10)))
    for letter in "abc":
        store.publish(data=letter * 10)
    assert store.kept() == ["b" * 10, "c" * 10]


def test_a_channel_that_was_just_used_is_trimmed_last() -> None:
    store = Store(MemoryLimits(total_entries=3))
    for channel in ("one", "two", "one", "three"):
        store.publish(channel)
    assert [len(store.kept(name)) for name in ("one", "two", "three")] == [2, 0, 1]


def test_an_entry_larger_than_everything_may_hold_is_acknowledged_and_not_kept() -> None:
    store = Store(MemoryLimits(total_bytes=100))
    store.open()
    assert store.publish(data="x" * 1000).seq == 1
    assert len(store.sink.entries) == 1
    assert (store.engine.figures().entries, store.engine.figures().bytes) == (0, 0)


def test_maps_may_hold_half_of_the_total_and_histories_keep_the_rest() -> None:
    store = Store(MemoryLimits(total_entries=6))
    store.options = ChannelOptions(keeps_latest=True)
    for key in "abc":
        store.publish(key, key=key)
    assert store.try_to_publish("d", key="d").outcome == "refused"
    assert store.try_to_publish("a", key="a").outcome == "accepted"
    assert (store.engine.figures().entries, [len(store.kept(name)) for name in "abcd"]) == (
        6,
        [1, 1, 1, 0],
    )


def test_maps_may_hold_half_of_the_bytes() -> None:
    store = Store(MemoryLimits(total_bytes=4_000))
    store.options = ChannelOptions(keeps_latest=True, history_size=0)
    outcomes = [store.try_to_publish(key, "x" * 800, key=key).outcome for key in "abc"]
    assert outcomes == ["accepted", "refused", "refused"]


def test_a_channel_whose_keys_have_all_gone_is_freed() -> None:
    store = Store()
    store.options = ChannelOptions(keeps_latest=True, history_size=0)
    end_ms = int(store.clock.time() * 1000) + 1000
    first = store.publish(key="a", expires_at=end_ms)
    assert store.publish(key="b", expires_at=end_ms).epoch == first.epoch
    store.clock.advance(1)
    store.engine.sweep()
    assert (store.engine.figures().entries, store.engine.figures().bytes) == (0, 0)
    assert drive(store.engine.channels()) == []


CHANNELS = st.sampled_from(["one", "two", "three"])


@given(
    st.lists(st.tuples(CHANNELS, st.integers(0, 50), st.sampled_from(["publish", "wait", "close"])))
)
def test_whatever_happens_the_totals_hold_and_the_accounts_agree(
    steps: list[tuple[str, int, str]],
) -> None:
    store = Store(MemoryLimits(total_entries=6, total_bytes=6 * ENTRY_OVERHEAD_BYTES))
    store.options = ChannelOptions(history_size=4, history_ttl_s=60)
    for channel, number, step in steps:
        if step == "publish":
            store.publish(channel, data="x" * number)
        elif step == "close":
            store.engine.close(channel)
        else:
            store.clock.advance(number)
            store.engine.sweep()
        assert store.engine.figures().entries <= 6
        assert store.engine.figures().bytes <= 6 * ENTRY_OVERHEAD_BYTES
    kept = [data for name in ("one", "two", "three") for data in store.kept(name)]
    assert store.engine.figures().entries == len(kept)
    assert store.engine.figures().bytes == sum(len(data) + ENTRY_OVERHEAD_BYTES for data in kept)


# --- age --------------------------------------------------------------------------------------


def test_an_entry_that_is_too_old_is_told_to_nobody_even_before_a_sweep(store: Store) -> None:
    store.open()
    store.publish(data="old")
    store.clock.advance(store.options.history_ttl_s)
    store.publish(data="new")
    assert store.kept() == ["old", "new"]
    store.clock.advance(0.001)
    assert store.kept() == ["new"]


def test_a_sweep_lets_go_of_what_is_too_old_and_of_channels_that_keep_nothing(
    store: Store,
) -> None:
    store.publish()
    store.clock.advance(store.options.history_ttl_s + 1)
    store.engine.sweep()
    assert (store.engine.figures().entries, store.engine.figures().bytes) == (0, 0)
    assert drive(store.engine.channels()) == []


def test_a_channel_somebody_reads_keeps_its_place_when_all_its_entries_have_expired(
    store: Store,
) -> None:
    epoch = store.open().epoch
    store.publish()
    store.clock.advance(store.options.history_ttl_s + 1)
    store.engine.sweep()
    assert store.publish().seq == 2
    assert store.open().epoch == epoch


def test_the_only_reader_who_comes_back_to_an_empty_channel_is_told_what_it_missed(
    store: Store,
) -> None:
    """The channel was freed when it left; once the next publication began another epoch."""
    place = store.open()
    store.engine.close("room")
    assert drive(store.engine.channels()) == []
    entry = store.publish()
    assert (entry.epoch, entry.seq) == (place.epoch, 1)
    assert isinstance(drive(store.engine.read("room", store.options, Query(place))).found, Replay)


def test_a_channel_that_was_let_go_goes_on_where_it_was_and_says_what_is_lost(
    store: Store,
) -> None:
    store.options = ChannelOptions(history_size=0)
    store.open()
    places = [store.publish(), store.publish()]
    store.engine.close("room")
    pages = [drive(store.engine.read("room", store.options, Query(place))) for place in places]
    assert [type(page.found) for page in pages] == [Gap, Replay]
    assert store.publish().seq == 3


def test_of_freed_channels_so_many_are_remembered_and_then_begin_a_new_epoch(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holdings, "MAX_FREED", 1)
    store.options = ChannelOptions(history_size=0)
    first, second = store.publish("one"), store.publish("two")
    assert store.publish("two").epoch == second.epoch
    assert store.publish("one").epoch != first.epoch


def test_names_that_were_only_asked_after_are_not_remembered(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holdings, "MAX_FREED", 1)
    store.options = ChannelOptions(history_size=0)
    epoch = store.publish().epoch
    drive(store.engine.read("nobody's", store.options, Query()))
    assert store.publish().epoch == epoch


def test_a_sweep_looks_at_so_many_channels_at_a_time(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holdings, "SWEEP_BATCH", 10)
    for number in range(25):
        store.publish(f"room:{number}")
    store.clock.advance(store.options.history_ttl_s + 1)
    left = []
    for _ in range(3):
        store.engine.sweep()
        left.append(store.engine.figures().entries)
    assert left == [15, 5, 0]


# --- in flight, and once ----------------------------------------------------------------------


def test_too_many_in_flight_are_refused_until_the_tick_has_ended(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "MAX_IN_FLIGHT", 2)
    entries = [Publication("room", 0, "", 0, "ann", "c1", str(n)) for n in range(4)]
    taken = [store.engine.submit(each, store.options, None) for each in entries[:3]]
    store.engine.drain()
    taken.append(store.engine.submit(entries[3], store.options, None))
    store.engine.drain()
    assert taken == [True, True, False, True]
    assert store.kept() == ["0", "1", "3"]


def test_a_once_key_is_forgotten_after_its_window(store: Store) -> None:
    first = store.publish(once="o")
    store.clock.advance(ONCE_WINDOW_S - 1)
    assert store.publish(once="o") == first
    store.clock.advance(1)
    assert store.publish(once="o") != first


def test_a_repeat_does_not_make_its_window_longer(store: Store) -> None:
    first = store.publish(once="o")
    for _ in range(3):
        store.clock.advance(ONCE_WINDOW_S / 3)
        last = store.publish(once="o")
    assert last != first


def test_beyond_so_many_once_keys_the_oldest_is_forgotten_first(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(once, "MAX_ONCE_KEYS", 2)
    first, second = store.publish(once="a"), store.publish(once="b")
    store.publish(once="c")
    assert store.publish(once="b") == second
    assert store.publish(once="a") != first


def test_keys_of_the_past_are_swept_away(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.publish(once="a")
    store.clock.advance(ONCE_WINDOW_S)
    store.engine.sweep()
    monkeypatch.setattr(once, "MAX_ONCE_KEYS", 1)
    place = store.publish(once="b")
    assert store.publish(once="b") == place
