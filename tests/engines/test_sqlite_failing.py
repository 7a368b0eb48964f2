"""When the disk fails while the engine runs: honest outcomes, one line in the log, and recovery."""

from __future__ import annotations

import logging
import resource
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.support.asynchronous import run
from tests.support.stores import life
from tidewire.engines.sqlite import engine as engine_module
from tidewire.engines.sqlite import schema
from tidewire.engines.sqlite.schema import connect_writer
from tidewire.errors import EngineUnavailable
from tidewire.testing.engine_contract import Stand

LARGE = "x" * 50_000


class Disk:
    """An engine's file, whose size a test may bound: SQLite then says that the disk is full."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._file: sqlite3.Connection
        monkeypatch.setattr(engine_module, "connect_writer", self._connect)

    def _connect(self, path: Path) -> sqlite3.Connection:
        self._file = connect_writer(path)
        return self._file

    def fill(self) -> None:
        (pages,) = self._file.execute("PRAGMA page_count").fetchone()
        self._file.execute(f"PRAGMA max_page_count = {pages}")

    def make_room(self) -> None:
        self._file.execute("PRAGMA max_page_count = 1000000")


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


@contextmanager
def _no_file_may_grow_beyond(size: int) -> Iterator[None]:
    """Writing past ``size`` is an I/O error for this process (setrlimit(2), EFBIG)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def _outcome(stand: Stand, data: str) -> str:
    await stand.end([receipt := stand.submit(data)])
    return receipt.outcome


def test_a_full_disk_refuses_and_loses_nothing_that_was_acknowledged(
    tmp_path: Path, disk: Disk
) -> None:
    """Catalogue 93."""

    async def scene() -> None:
        async with life(tmp_path / "history.db") as stand:
            start = await stand.open()
            await stand.publish("kept")
            disk.fill()
            assert [await _outcome(stand, LARGE) for _ in range(3)] == ["refused"] * 3
            assert stand.engine.figures().is_failing
            assert await stand.since(start) == ["kept"]
            disk.make_room()
            (place,) = await stand.publish("again")
            assert (place.epoch, place.seq) == (start.epoch, start.seq + 2)
            assert not stand.engine.figures().is_failing
            assert [each.data for each in stand.sink.entries] == ["kept", "again"]
        async with life(tmp_path / "history.db") as after:
            assert await after.latest() == ["kept", "again"]

    run(scene())


def test_a_disk_that_stays_full_is_one_line_in_the_log_and_one_when_it_is_over(
    tmp_path: Path, disk: Disk, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene() -> None:
        async with life(tmp_path / "history.db") as stand:
            disk.fill()
            for _ in range(5):
                await _outcome(stand, LARGE)
            disk.make_room()
            await stand.publish("again")

    with caplog.at_level(logging.INFO, "tidewire.engines.sqlite"):
        run(scene())
    said = [(each.levelname, each.getMessage()) for each in caplog.records]
    assert said == [
        ("ERROR", "the database cannot be written: database or disk is full"),
        ("WARNING", "the database can be written again"),
    ]


def test_a_channel_can_be_opened_and_read_while_the_disk_is_full(
    tmp_path: Path, disk: Disk
) -> None:
    async def scene() -> None:
        async with life(tmp_path / "history.db") as stand:
            (place,) = await stand.publish("1")
            disk.fill()
            await _outcome(stand, LARGE)
            assert await stand.open() == place
            assert (await stand.open("new")).seq == 0
            assert await stand.latest() == ["1"]

    run(scene())


def test_a_write_that_fails_at_the_commit_is_unknown_and_what_follows_is_sound(
    tmp_path: Path,
) -> None:
    """Catalogue 93."""
    path = tmp_path / "history.db"

    async def scene() -> None:
        async with life(path) as stand:
            await stand.open()
            await stand.publish("1")
            with _no_file_may_grow_beyond(path.with_name("history.db-wal").stat().st_size):
                assert await _outcome(stand, LARGE) == "unknown"
            await stand.publish("2")
            assert [each.data for each in stand.sink.entries] == ["1", "2"]
            assert await stand.latest() == ["1", "2"]
        async with life(path) as after:
            assert await after.latest() == ["1", "2"]

    run(scene())


def test_another_program_that_writes_the_file_is_waited_for_and_not_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "BUSY_TIMEOUT_S", 0.05)
    path = tmp_path / "history.db"

    async def scene() -> None:
        async with life(path) as stand:
            await stand.publish("1")
            with closing(sqlite3.connect(path, isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                assert await _outcome(stand, "2") == "refused"
                assert await stand.latest() == ["1"]
            await stand.publish("3")
            assert await stand.latest() == ["1", "3"]

    run(scene())


def test_a_lease_whose_token_cannot_be_kept_is_not_given(tmp_path: Path) -> None:
    path = tmp_path / "history.db"

    async def scene() -> None:
        async with life(path) as stand:
            await stand.publish("1")
            with (
                _no_file_may_grow_beyond(path.with_name("history.db-wal").stat().st_size),
                pytest.raises(EngineUnavailable),
            ):
                await stand.engine.lease("room", "one", 60)
            assert await stand.engine.lease("room", "two", 60) is not None

    run(scene())
