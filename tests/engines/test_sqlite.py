"""The SQLite engine: the contract of every engine, and what its file keeps."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tests.support.asynchronous import run
from tests.support.stores import life, sqlite_engine, swept
from tidewire.engines.base import Engine, Query
from tidewire.engines.once import ONCE_WINDOW_S
from tidewire.engines.sqlite import SqliteLimits, sweeper
from tidewire.errors import EngineUnavailable
from tidewire.messages import Publication
from tidewire.testing.clock import FakeClock
from tidewire.testing.engine_contract import CHANNEL, EngineContract


class TestContract(EngineContract):
    @pytest.fixture(autouse=True)
    def _somewhere(self, tmp_path: Path) -> None:
        self.path = tmp_path / "history.db"
        self.clock = FakeClock()

    def make_engine(self) -> Engine:
        return sqlite_engine(self.path, self.clock)

    def now_s(self) -> float:
        return self.clock.time()

    def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


@contextmanager
def _looking_at(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path)) as file:
        yield file


def _count(path: Path, table: str) -> int:
    with _looking_at(path) as file:
        number: int = file.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    return number


# --- from one life to the next ----------------------------------------------------------------


def test_positions_go_on_where_they_were_when_the_server_starts_again(path: Path) -> None:
    async def scene() -> None:
        async with life(path) as before:
            first, last = await before.publish("1", "2")
        async with life(path) as after:
            assert await after.open() == last
            assert await after.since(first) == ["2"]
            (third,) = await after.publish("3")
            assert (third.epoch, third.seq) == (last.epoch, last.seq + 1)

    run(scene())


def test_a_new_file_is_a_new_epoch_so_that_nobody_is_misled(path: Path) -> None:
    async def scene() -> None:
        async with life(path) as before:
            (place,) = await before.publish("1")
        for file in path.parent.iterdir():
            file.unlink()
        async with life(path) as after:
            (again,) = await after.publish("1")
            assert (again.seq, await after.since(place)) == (place.seq, "gap")

    run(scene())


def test_once_keys_the_latest_and_tokens_survive(path: Path) -> None:
    async def scene() -> None:
        async with life(path) as before:
            (place,) = await before.publish("1", key="a", once="o")
            lease = await before.engine.lease("room", "one", 60)
        async with life(path) as after:
            assert await after.publish("2", once="o") == [place]
            assert await after.keys() == {"a": "1"}
            again = await after.engine.lease("room", "two", 60)
            assert lease is not None
            assert again is not None
            assert again.token > lease.token

    run(scene())


def test_what_was_submitted_before_the_stop_is_written(path: Path) -> None:
    async def scene() -> None:
        async with life(path) as before:
            receipt = before.submit("1")
            await before.engine.stop()
            assert receipt.outcome == "accepted"
        async with life(path) as after:
            assert await after.latest() == ["1"]

    run(scene())


def test_after_a_stop_everything_is_in_one_file(path: Path) -> None:
    async def scene() -> None:
        async with life(path) as stand:
            await stand.publish("1")
            await stand.latest()
        assert sorted(each.name for each in path.parent.iterdir()) == [
            path.name,
            f"{path.name}.lock",
        ]

    run(scene())


def test_whoever_waits_for_a_read_when_the_engine_stops_is_told_so(path: Path) -> None:
    async def scene() -> None:
        async with life(path) as stand:
            reads = [asyncio.create_task(stand.latest()) for _ in range(50)]
            await asyncio.sleep(0)
            await stand.engine.stop()
            answers = await asyncio.gather(*reads, return_exceptions=True)
            assert {type(each) for each in answers} <= {list, EngineUnavailable}

    run(scene())


def test_an_engine_that_has_stopped_takes_nothing_and_says_so(path: Path) -> None:
    async def scene() -> None:
        async with life(path) as stand:
            await stand.engine.stop()
            entry = Publication(CHANNEL, 0, "", 0, "ann", "c1", "1")
            assert not stand.engine.submit(entry, stand.options, None)
            with pytest.raises(EngineUnavailable):
                await stand.open("another")
            with pytest.raises(EngineUnavailable):
                await stand.engine.read(CHANNEL, stand.options, Query())

    run(scene())


def test_a_once_key_is_forgotten_after_its_window(path: Path) -> None:
    async def scene() -> None:
        clock = FakeClock()
        async with life(path, clock) as stand:
            (first,) = await stand.publish("1", once="o")
            clock.advance(ONCE_WINDOW_S - 1)
            assert await stand.publish("2", once="o") == [first]
            clock.advance(1)
            (second,) = await stand.publish("3", once="o")
            assert second != first
            clock.advance(ONCE_WINDOW_S)
            await swept(stand)
        assert _count(path, "once") == 0

    run(scene())


def test_beyond_so_many_once_keys_the_oldest_are_forgotten_first(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeper, "MAX_ONCE_KEYS", 2)

    async def scene() -> None:
        clock = FakeClock()
        async with life(path, clock) as stand:
            places = []
            for key in "abcd":
                places += await stand.publish("1", once=key)
                clock.advance(1)
            await swept(stand)
            assert await stand.publish("2", once="d") == places[3:]
            assert await stand.publish("2", once="a") != places[:1]
        assert _count(path, "once") == 3

    run(scene())


def test_a_long_read_holds_up_no_publication(path: Path) -> None:
    async def scene() -> None:
        async with life(path) as stand:
            await stand.publish("1")
            with _looking_at(path) as file:
                file.execute("BEGIN")
                before = file.execute("SELECT count(*) FROM entries").fetchone()
                await stand.publish("2")
                assert file.execute("SELECT count(*) FROM entries").fetchone() == before
            assert await stand.latest() == ["1", "2"]

    run(scene())


# --- the format -------------------------------------------------------------------------------


def test_the_stored_text_of_an_entry_is_the_files_format(path: Path) -> None:
    """Whoever changes it raises ``FORMAT_VERSION``, and reads the old one too."""
    every: dict[str, Any] = {
        "kind": "chat", "once": "o", "key": "k", "ref": 1, "op": "remove", "tags": {"a": "b"},
        "encoding": "base64", "expires_at": 2, "exclude": "c2",
    }  # fmt: skip

    async def scene() -> None:
        async with life(path) as stand:
            (plain,) = await stand.publish("1")
            (full,) = await stand.publish("2", **every)
        with _looking_at(path) as file:
            rows = file.execute("SELECT body FROM entries ORDER BY seq").fetchall()
            version = file.execute("PRAGMA user_version").fetchone()
        assert version == (1,)
        assert rows == [
            (f'{{"t":"{plain.tag}","d":"1","u":"ann","c":"c1"}}',),
            (
                f'{{"t":"{full.tag}","d":"2","u":"ann","c":"c1","k":"chat","once":"o","key":"k",'
                '"ref":1,"op":"remove","tags":{"a":"b"},"enc":"base64","exp":2,"excl":"c2"}',
            ),
        ]

    run(scene())


def test_half_a_character_is_refused_alone(path: Path) -> None:
    async def scene() -> None:
        async with life(path) as stand:
            receipts = [stand.submit(each) for each in ('"fine"', '"\ud800"', '"fine too"')]
            receipts += [stand.submit("1", **{name: "\ud800"}) for name in ("once", "key")]
            await stand.end(receipts)
            outcomes = [each.outcome for each in receipts]
            assert outcomes == ["accepted", "refused", "accepted", "refused", "refused"]
            assert await stand.latest() == ['"fine"', '"fine too"']

    run(scene())


# --- bounds -----------------------------------------------------------------------------------


def test_no_more_rows_stay_than_entries_are_kept(path: Path) -> None:
    async def scene() -> None:
        async with life(path) as stand:
            for number in range(10):
                await stand.publish(*[str(number)] * (number + 1))
            assert await stand.latest() == ["9"] * 5
            stand.options = replace(stand.options, history_size=200)
            await stand.publish(*"x" * 150)
            stand.options = replace(stand.options, history_size=3)
            await stand.publish("last")
            assert await stand.latest() == ["x", "x", "last"]
            assert stand.engine.figures().entries == 3
        assert _count(path, "entries") == 3

    run(scene())


def test_a_sweep_removes_what_is_too_old_and_frees_channels_that_keep_nothing(path: Path) -> None:
    async def scene() -> None:
        clock = FakeClock()
        async with life(path, clock) as stand:
            (place,) = await stand.publish("1")
            await stand.publish("2", channel="open")
            await stand.open("open")
            clock.advance(stand.options.history_ttl_s + 1)
            await swept(stand)
            assert await stand.engine.channels() == ["open"]
            assert (await stand.publish("3"))[0].epoch != place.epoch
        assert _count(path, "entries") == 1

    run(scene())


def test_a_sweep_removes_so_many_rows_at_a_time_and_goes_on_until_it_is_done(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeper, "ROWS_A_STEP", 10)

    async def scene() -> None:
        clock = FakeClock()
        async with life(path, clock) as stand:
            stand.options = replace(stand.options, history_size=100)
            end_ms = int(clock.time() * 1000) + 1000
            keyed = [stand.submit("1", key=str(n), expires_at=end_ms) for n in range(25)]
            await stand.outcomes([*keyed, *(stand.submit(str(n), once=str(n)) for n in range(35))])
            clock.advance(stand.options.history_ttl_s + 1)
            for _ in range(10):
                await swept(stand)
        assert [_count(path, name) for name in ("latest", "once", "entries", "channels")] == [0] * 4

    run(scene())


def test_over_its_total_the_oldest_entries_leave_whichever_channels_they_are(path: Path) -> None:
    async def scene() -> None:
        limit = 3_000_000
        async with life(path, limits=SqliteLimits(total_bytes=limit)) as stand:
            stand.options = replace(stand.options, history_size=5_000)
            await stand.publish(*["x" * 1_000] * 500)
            await stand.publish(*["y" * 1_000] * 3_500, channel="two")
            for _ in range(5):
                await swept(stand)
            figures = stand.engine.figures()
            assert (figures.bytes <= limit, figures.entries) == (True, 2_000)
            assert await stand.latest() == []
            assert await stand.read(Query(limit=1), "two") == ["y" * 1_000]
        assert _count(path, "entries") == 2_000

    run(scene())


def test_maps_may_hold_half_of_the_file(path: Path) -> None:
    async def scene() -> None:
        async with life(path, limits=SqliteLimits(total_bytes=10_000)) as stand:
            receipts = [stand.submit("x" * 2_000, key=key) for key in "abc"]
            await stand.end(receipts)
            assert [each.outcome for each in receipts] == ["accepted", "accepted", "refused"]
            await stand.publish("null", key="a", op="remove")
            await stand.publish("x" * 2_000, key="c")

    run(scene())
