"""The reader: connections that only read, each in a thread of its own, beside the writer.

Each read is one transaction, so what it finds is of one moment; writing goes on
meanwhile (that is what the write-ahead log is for).
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec

from tidewire.engines.base import MAX_LISTED, Gap, Page, Query, Replay, Snapshot
from tidewire.engines.sqlite.rows import AS_JSON, from_json
from tidewire.engines.sqlite.schema import connect_reader
from tidewire.errors import EngineUnavailable
from tidewire.history.query import span_of
from tidewire.messages import Position, Publication

ENTRIES = AS_JSON.replace(
    "{rows}",
    "SELECT seq, timestamp, body FROM entries"
    " WHERE channel = ? AND seq BETWEEN ? AND ? ORDER BY seq",
)
KEYS = AS_JSON.replace(
    "{rows}",
    "SELECT seq, timestamp, body FROM latest"
    " WHERE channel = ? AND (expires_at IS NULL OR expires_at > ?) ORDER BY seq",
)

THREADS = 2
"""Reading is short; one that waits for the disk should not keep all others waiting."""

T = TypeVar("T")


class Reader:
    """Answers in the event loop what was read in a thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()
        self._is_stopped = False
        self._files: list[sqlite3.Connection] = []
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="tidewire-sqlite-read")

    async def page(self, channel: str, start: Position, query: Query, horizon_ms: int) -> Page:
        """What ``query`` is after, of entries since ``horizon_ms``; ``start`` is the head of a
        channel that is not in the file."""
        return await self._run(partial(_page, channel, start, query, horizon_ms))

    async def snapshot(self, channel: str, start: Position, now_ms: int) -> Snapshot:
        return await self._run(partial(_snapshot, channel, start, now_ms))

    async def channels(self) -> list[str]:
        return await self._run(_channels)

    def stop(self) -> None:
        """What still waits to be read is not: whoever asked is told ``EngineUnavailable``."""
        self._is_stopped = True
        self._threads.shutdown(cancel_futures=True)
        for file in self._files:
            file.close()

    async def _run(self, read: Callable[[sqlite3.Connection], T]) -> T:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._threads, self._read, read)
        except (sqlite3.Error, msgspec.DecodeError) as error:
            raise EngineUnavailable(f"the database: {error}") from error
        except (RuntimeError, asyncio.CancelledError):
            if not self._is_stopped:
                raise
            raise EngineUnavailable("the engine has stopped") from None

    def _read(self, read: Callable[[sqlite3.Connection], T]) -> T:
        with _transaction(self._file()) as file:
            return read(file)

    def _file(self) -> sqlite3.Connection:
        if not hasattr(self._local, "file"):
            self._local.file = connect_reader(self._path)
            self._files.append(self._local.file)
        file: sqlite3.Connection = self._local.file
        return file


@contextmanager
def _transaction(file: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    file.execute("BEGIN")
    try:
        yield file
    finally:
        file.execute("COMMIT")


def _page(
    channel: str, start: Position, query: Query, horizon_ms: int, file: sqlite3.Connection
) -> Page:
    number, head, first = _place(channel, start, file)
    (fresh,) = file.execute(
        "SELECT ifnull((SELECT seq FROM entries WHERE channel = ? AND seq >= ? AND timestamp >= ?"
        " ORDER BY seq LIMIT 1), ?)",
        (number, first, horizon_ms, head.seq + 1),
    ).fetchone()

    def tag_of(seq: int) -> str | None:
        found = _entries(channel, number, seq, seq, file)
        return found[0].tag if found else None

    span = span_of(query, head, fresh, tag_of)
    if isinstance(span, Gap):
        return Page(head, span)
    found = _entries(channel, number, span.first, span.last, file)
    return Page(head, Replay(found[::-1] if query.newest_first else found))


def _entries(
    channel: str, number: int | None, first: int, last: int, file: sqlite3.Connection
) -> list[Publication]:
    (text,) = file.execute(ENTRIES, (number, first, last)).fetchone()
    return from_json(text, channel)


def _snapshot(channel: str, start: Position, now_ms: int, file: sqlite3.Connection) -> Snapshot:
    number, head, _ = _place(channel, start, file)
    (text,) = file.execute(KEYS, (number, now_ms)).fetchone()
    return Snapshot(head, from_json(text, channel))


def _place(
    channel: str, start: Position, file: sqlite3.Connection
) -> tuple[int | None, Position, int]:
    row = file.execute(
        "SELECT id, epoch, seq, tag, first FROM channels WHERE name = ?", (channel,)
    ).fetchone()
    if row is None:
        return None, start, start.seq + 1
    number, epoch, seq, tag, first = row
    return number, Position(epoch, seq, tag), first


def _channels(file: sqlite3.Connection) -> list[str]:
    rows = file.execute("SELECT name FROM channels ORDER BY name LIMIT ?", (MAX_LISTED,))
    return [name for (name,) in rows.fetchall()]
