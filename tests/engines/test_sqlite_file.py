"""What may be wrong with the file at the start: each is one sentence, and nothing is touched."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.support.asynchronous import run
from tests.support.stores import life, sqlite_engine
from tidewire.engines.sqlite import why_unusable
from tidewire.engines.sqlite.schema import APPLICATION_ID, FORMAT_VERSION
from tidewire.errors import StartFailed
from tidewire.testing.engine_contract import RecordingSink

NOBODY = 65_534


def _refusal(path: Path) -> str:
    async def start() -> None:
        sqlite_engine(path).start(RecordingSink())

    with pytest.raises(StartFailed) as refusal:
        run(start())
    return str(refusal.value)


def _write_database(path: Path, script: str) -> None:
    with closing(sqlite3.connect(path)) as file:
        file.executescript(script)


def test_an_engine_that_could_not_start_can_be_stopped(tmp_path: Path) -> None:
    async def scene() -> None:
        engine = sqlite_engine(tmp_path)
        with pytest.raises(StartFailed):
            engine.start(RecordingSink())
        await engine.stop()

    run(scene())


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    assert _refusal(tmp_path) == f"{tmp_path} is a directory"


def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "none"
    assert _refusal(folder / "history.db") == f"the directory {folder} does not exist"


def test_a_file_that_is_no_database_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "letter.txt"
    path.write_text("Dear Sir or Madam, " * 100)
    assert _refusal(path) == f"{path} cannot be read as a database: file is not a database"
    assert path.read_text() == "Dear Sir or Madam, " * 100


def test_another_programs_database_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "contacts.db"
    _write_database(path, "CREATE TABLE contacts (name); INSERT INTO contacts VALUES ('ann');")
    before = path.read_bytes()
    assert _refusal(path) == f"{path} is a database of something else than Tidewire"
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["contacts.db"]


def test_a_newer_format_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    newer = FORMAT_VERSION + 1
    _write_database(
        path, f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {newer};"
    )
    assert "was written by a newer Tidewire (format 2, not 1)" in _refusal(path)


def test_an_empty_file_is_a_new_database(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    path.touch()

    async def scene() -> None:
        async with life(path) as stand:
            await stand.publish("1")

    run(scene())
    assert why_unusable(path) is None


def test_a_file_has_one_tidewire_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "history.db"

    async def scene() -> None:
        async with life(path) as stand:
            with pytest.raises(StartFailed, match="is in use by another Tidewire"):
                sqlite_engine(path).start(RecordingSink())
            await stand.publish("1")
        async with life(path) as after:
            assert await after.latest() == ["1"]

    run(scene())


@contextmanager
def _as_somebody_else() -> Iterator[None]:
    """Without root's leave to write everywhere, where the tests have it."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(before)


def test_a_file_or_a_directory_that_cannot_be_written_is_named() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder, path = Path(name), Path(name) / "history.db"
        path.touch()
        path.chmod(0o444)
        folder.chmod(0o777)
        with _as_somebody_else():
            assert why_unusable(path) == f"{path} cannot be written"
        folder.chmod(0o555)
        with _as_somebody_else():
            assert why_unusable(path) == f"the directory {folder} cannot be written"
        folder.chmod(0o700)


def test_a_directory_that_may_not_be_looked_into_is_an_answer_and_no_traceback() -> None:
    with tempfile.TemporaryDirectory() as name:
        inner = Path(name) / "inner"
        inner.mkdir()
        inner.chmod(0o000)
        with _as_somebody_else():
            assert "Permission denied" in str(why_unusable(inner / "history.db" / "x"))
