"""What a batch does to the latest-per-key maps: as ``history.latest``, but of rows in the file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import TypeAlias

from tidewire.engines.base import Draft
from tidewire.engines.sqlite.ledger import Channel, Ledger
from tidewire.engines.sqlite.rows import Row, select, write
from tidewire.history.latest import MAX_BYTES, MAX_KEYS, cost_of
from tidewire.messages import Publication

MapKey: TypeAlias = tuple[int, str]

FIND = (
    "WITH asked (c, k) AS (VALUES {rows}) SELECT channel, key, bytes"
    " FROM asked CROSS JOIN latest ON channel = c AND key = k"
)
SET = (
    "INSERT OR REPLACE INTO latest (channel, key, seq, timestamp, bytes, expires_at, body)"
    " VALUES {rows}"
)
REMOVE = (
    "WITH asked (c, k) AS (VALUES {rows})"
    " DELETE FROM latest WHERE (channel, key) IN (SELECT c, k FROM asked)"
)
"""By way of a subquery, or else SQLite looks at every row there is."""


class Maps:
    """The keys that a batch sets and removes. Decides at once, writes at the end."""

    def __init__(
        self, file: sqlite3.Connection, ledger: Ledger, now_ms: int, max_bytes: float
    ) -> None:
        self._file = file
        self._ledger = ledger
        self._now_ms = now_ms
        self._max_bytes = max_bytes
        self._stored: dict[MapKey, int] = {}  # bytes of the keys that are in the file
        self._changed: dict[MapKey, Row | None] = {}  # what becomes of them; None: removed
        self._expired: set[int] = set()  # channels whose ended keys have been removed

    def fetch(self, drafts: Iterable[Draft]) -> None:
        """Look up what is stored under the keys that ``drafts`` will set or remove."""
        asked = {
            (self._ledger.change(entry.channel).id, entry.key)
            for entry, options, _ in drafts
            if entry.key is not None and options.keeps_latest
        }
        found = select(self._file, FIND, list(asked))
        self._stored.update(((channel, key), size) for channel, key, size in found)

    def apply(self, channel: Channel, entry: Publication, text: str) -> bool:
        """Set or remove the entry's key, if its map and all maps have room for it."""
        key = (channel.id, entry.key or "")
        size = 0 if entry.op == "remove" else cost_of(entry)
        if not self._has_room(channel, key, size):
            self._expire(channel)
            if not self._has_room(channel, key, size):
                return False
        before = self._size_of(key)
        self._ledger.count_keys(channel, bool(size) - bool(before), size - before)
        row = (*key, entry.seq, entry.timestamp, size, entry.expires_at, text)
        self._changed[key] = row if size else None
        return True

    def write(self) -> None:
        removed = [key for key, row in self._changed.items() if row is None]
        write(self._file, REMOVE, removed)
        write(self._file, SET, [row for row in self._changed.values() if row is not None])

    def _has_room(self, channel: Channel, key: MapKey, size: int) -> bool:
        before = self._size_of(key)
        keys, growth = bool(size) - bool(before), size - before
        has_keys = keys <= 0 or channel.keys + keys <= MAX_KEYS
        has_bytes = growth <= 0 or (
            channel.key_bytes + growth <= MAX_BYTES
            and self._ledger.key_bytes + growth <= self._max_bytes
        )
        return has_keys and has_bytes

    def _size_of(self, key: MapKey) -> int:
        if key in self._changed:
            row = self._changed[key]
            return 0 if row is None else row[4]
        return self._stored.get(key, 0)

    def _expire(self, channel: Channel) -> None:
        """Remove the channel's keys whose end has come; once, however many find no room."""
        if channel.id in self._expired:
            return
        self._expired.add(channel.id)
        found = self._file.execute(
            "SELECT channel, key, bytes FROM latest WHERE channel = ? AND expires_at <= ?",
            (channel.id, self._now_ms),
        )
        for number, key, size in found.fetchall():
            if (number, key) not in self._changed:
                self._stored[number, key], self._changed[number, key] = size, None
                self._ledger.count_keys(channel, -1, -size)
