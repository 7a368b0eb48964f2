"""Entries as rows: their stored text, and statements for many rows at a time.

One statement for many rows, not ``executemany``: that gives up the interpreter's
lock at each row, and beside a busy event loop may wait for it again each time
(1,000 rows then took 20 ms and at worst 1.2 s; in large statements at most 30 ms).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import msgspec
from msgspec import Struct

from tidewire.messages import Encoding, Op, Publication

MAX_ROWS = 500
"""Of one statement: with ten columns far below the 32,766 variables that SQLite takes."""

Row: TypeAlias = tuple[Any, ...]


class Stored(Struct, omit_defaults=True, gc=False):
    """What of an entry is no column. Its names are the file's format: they are never reused."""

    t: str
    d: str
    u: str = ""
    c: str = ""
    k: str = "message"
    once: str | None = None
    key: str | None = None
    ref: int | None = None
    op: Op | None = None
    tags: dict[str, str] | None = None
    enc: Encoding | None = None
    exp: int | None = None
    excl: str = ""


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(list[tuple[int, int, Stored]])

AS_JSON = """
SELECT '[' || ifnull(group_concat('[' || seq || ',' || timestamp || ',' || body || ']'), '') || ']'
FROM ({rows})
"""
"""Of many rows one text, put together by SQLite: one step instead of one for each row."""


def to_text(entry: Publication) -> str:
    """``entry`` without channel, ``seq`` and ``timestamp``. Raises ``UnicodeEncodeError``."""
    stored = Stored(
        entry.tag,
        entry.data,
        entry.user_id,
        entry.client_id,
        entry.kind,
        entry.once,
        entry.key,
        entry.ref,
        entry.op,
        entry.tags,
        entry.encoding,
        entry.expires_at,
        entry.exclude,
    )
    return _encoder.encode(stored).decode()


def from_json(text: str, channel: str) -> list[Publication]:
    """The entries of what ``AS_JSON`` selected."""
    return [_entry(channel, *each) for each in _decoder.decode(text)]


def _entry(channel: str, seq: int, timestamp: int, stored: Stored) -> Publication:
    return Publication(
        channel,
        seq,
        stored.t,
        timestamp,
        stored.u,
        stored.c,
        stored.d,
        stored.k,
        stored.once,
        stored.key,
        stored.ref,
        stored.op,
        stored.tags,
        stored.enc,
        stored.exp,
        stored.excl,
    )


def write(file: sqlite3.Connection, statement: str, rows: Sequence[Row]) -> None:
    """``statement`` with ``{rows}`` in place of its values, for all of ``rows``."""
    for text, values in _chunks(statement, rows):
        file.execute(text, values)


def select(file: sqlite3.Connection, statement: str, rows: Sequence[Row]) -> list[Row]:
    """All that ``statement`` finds, ``{rows}`` being what it looks for."""
    return [
        found
        for text, values in _chunks(statement, rows)
        for found in file.execute(text, values).fetchall()
    ]


def _chunks(statement: str, rows: Sequence[Row]) -> Iterator[tuple[str, list[Any]]]:
    for start in range(0, len(rows), MAX_ROWS):
        chunk = rows[start : start + MAX_ROWS]
        marks = f"({','.join('?' * len(chunk[0]))})"
        text = statement.replace("{rows}", ",".join([marks] * len(chunk)))
        yield text, [value for row in chunk for value in row]
