"""The sweep: letting go of what is too old, idle or too much, a little at a time.

Each step is one transaction of some milliseconds and says whether there is more
to do, so that publications wait for none of them.
"""

from __future__ import annotations

import sqlite3

from tidewire.engines.once import MAX_ONCE_KEYS
from tidewire.engines.sqlite.ledger import Channel, Ledger
from tidewire.engines.sqlite.maps import REMOVE
from tidewire.engines.sqlite.rows import select, write

CHANNELS_A_STEP = 1_000
"""Looked at: some 5 us each where there is nothing to do."""

ROWS_A_STEP = 5_000
"""Removed: some 10 ms."""

VISIT = """
SELECT *, ifnull((
    SELECT e.seq FROM entries e WHERE e.channel = channels.id AND e.seq >= first
    AND e.timestamp >= ?1 - ttl_ms
    ORDER BY e.seq LIMIT 1
), seq + 1) FROM channels WHERE id > ?2 ORDER BY id LIMIT ?3
"""
"""Channels, and of each the first entry that is not too old."""

ROWS_FOR_ROOM = 1_000
"""Removed at a time while the file is too large: few, since it may be too large by only some."""


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
        has_more |= self._make_room()
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
        write(self._file, REMOVE, [(number, key) for number, key, _ in ended])
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
        """The next channels in turn let go of what is too old."""
        rows = self._file.execute(VISIT, (now_ms, self._last_id, CHANNELS_A_STEP)).fetchall()
        removed = 0
        for *row, fresh in rows:
            channel = self._ledger.take(tuple(row))
            first = min(fresh, channel.first + ROWS_A_STEP)
            removed += self._shorten(channel, first)
            if removed >= ROWS_A_STEP:
                return True  # the next step begins with this channel again
            self._last_id = channel.id
        if len(rows) < CHANNELS_A_STEP:
            self._last_id = 0  # all round: the next step begins anew
        return False

    def _shorten(self, channel: Channel, first: int) -> int:
        removed = max(0, first - channel.first)
        if removed:
            channel.first = first
            self._file.execute(
                "DELETE FROM entries WHERE channel = ? AND seq < ?", (channel.id, first)
            )
        return removed

    def _make_room(self) -> bool:
        """Over the total, the oldest entries of all leave, whichever channel's they are."""
        if self.used_bytes() <= self._max_bytes:
            return False
        rows = self._file.execute(
            "SELECT id, channel, seq FROM entries ORDER BY id LIMIT ?", (ROWS_FOR_ROOM,)
        ).fetchall()
        last = {number: seq for _, number, seq in rows}
        for number, channel in self._channels_of(set(last)).items():
            channel.first = max(channel.first, last[number] + 1)
        if rows:
            self._file.execute("DELETE FROM entries WHERE id <= ?", (rows[-1][0],))
        return bool(rows)
