"""The sweep: letting go of what is too old, idle or too much, a little at a time.

Each step is one transaction of some milliseconds and says whether there is more
to do, so that publications wait for none of them.
"""

from __future__ import annotations

import sqlite3

from tidewire.engines.once import MAX_ONCE_KEYS
from tidewire.engines.sqlite.batch import DELETE_KEYS
from tidewire.engines.sqlite.ledger import Channel, Ledger
from tidewire.engines.sqlite.rows import Row, select, write

CHANNELS_A_STEP = 1_000
"""Looked at: some 5 us each where there is nothing to do."""

ROWS_A_STEP = 5_000
"""Removed: some 10 ms."""

VISIT = """
SELECT *, ifnull((
    SELECT seq FROM entries WHERE channel = id AND seq >= first AND timestamp >= ?1 - ttl_ms
    ORDER BY seq LIMIT 1
), seq + 1) FROM channels WHERE id > ?2 ORDER BY id LIMIT ?3
"""
"""Channels, and of each the first entry that is not too old."""

SHARE_GIVEN_UP = 4
"""Over the total, every channel in turn gives up the oldest quarter of what it keeps."""


class Sweeper:
    """Goes round the channels, some at each step, for the thread that writes."""

    def __init__(self, file: sqlite3.Connection, ledger: Ledger, max_bytes: int) -> None:
        self._file = file
        self._ledger = ledger
        self._max_bytes = max_bytes
        self._last_id = 0
        (self.once_count,) = file.execute("SELECT count(*) FROM once").fetchone()
        (self._page_bytes,) = file.execute("PRAGMA page_size").fetchone()

    def used_bytes(self) -> int:
        """What the file holds, without the pages that are free again."""
        (pages,) = self._file.execute("PRAGMA page_count").fetchone()
        (free,) = self._file.execute("PRAGMA freelist_count").fetchone()
        return int((pages - free) * self._page_bytes)

    def step(self, now_ms: int) -> bool:
        """Whether the next step should follow at once: something is left to do."""
        has_more = self._forget_once_keys(now_ms)
        has_more |= self._expire_keys(now_ms)
        has_more |= self._visit_channels(now_ms)
        self._ledger.save()
        return has_more

    # -- keys ----------------------------------------------------------------------------------

    def _forget_once_keys(self, now_ms: int) -> bool:
        excess = max(0, self.once_count - MAX_ONCE_KEYS)
        removed = self._file.execute(
            "DELETE FROM once WHERE (channel, user, key) IN (SELECT channel, user, key FROM ("
            "SELECT * FROM (SELECT * FROM once WHERE until <= ?1 ORDER BY until LIMIT ?2)"
            " UNION SELECT * FROM (SELECT * FROM once ORDER BY until LIMIT ?3)))",
            (now_ms, ROWS_A_STEP, min(excess, ROWS_A_STEP)),
        ).rowcount
        self.once_count -= removed
        return removed >= ROWS_A_STEP

    def _expire_keys(self, now_ms: int) -> bool:
        ended = self._file.execute(
            "SELECT channel, key, bytes FROM latest WHERE expires_at <= ? LIMIT ?",
            (now_ms, ROWS_A_STEP),
        ).fetchall()
        channels = self._channels_of({number for number, _, _ in ended})
        for number, _, size in ended:
            self._ledger.count_keys(channels[number], -1, -size)
        write(self._file, DELETE_KEYS, [(number, key) for number, key, _ in ended])
        return len(ended) >= ROWS_A_STEP

    def _channels_of(self, numbers: set[int]) -> dict[int, Channel]:
        rows = select(
            self._file,
            "SELECT * FROM channels WHERE id IN (VALUES {rows})",
            [(number,) for number in numbers],
        )
        return {row[0]: self._ledger.take(row) for row in rows}

    # -- logs ----------------------------------------------------------------------------------

    def _visit_channels(self, now_ms: int) -> bool:
        """The next channels in turn: what of their logs is too old, or too much for the file."""
        is_too_much = self.used_bytes() > self._max_bytes
        rows = self._file.execute(
            VISIT,
            (now_ms, self._last_id, CHANNELS_A_STEP),
        ).fetchall()
        removed = 0
        for *row, fresh in rows:
            if removed >= ROWS_A_STEP:
                return True
            removed += self._shorten(tuple(row), fresh, is_too_much=is_too_much)
            self._last_id = row[0]
        if len(rows) < CHANNELS_A_STEP:
            self._last_id = 0  # all round: the next step begins anew
        return is_too_much and removed > 0

    def _shorten(self, row: Row, fresh: int, *, is_too_much: bool) -> int:
        channel = self._ledger.take(row)
        first = fresh
        if is_too_much:
            first = max(
                fresh, channel.first + (channel.entries + SHARE_GIVEN_UP - 1) // SHARE_GIVEN_UP
            )
        first = min(first, channel.first + ROWS_A_STEP)
        removed = max(0, first - channel.first)
        if removed:
            channel.first = first
            self._file.execute(
                "DELETE FROM entries WHERE channel = ? AND seq < ?", (channel.id, first)
            )
        return removed
