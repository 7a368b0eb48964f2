"""A batch: what was submitted in one or more ticks, as one transaction.

Decides as the memory engine does, entry by entry, and writes at the end: a
statement for each kind of row, however many there are.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from typing import TypeAlias

from msgspec import Struct, field

from tidewire.channels.options import ChannelOptions
from tidewire.engines.base import Receipt
from tidewire.engines.once import ONCE_WINDOW_S
from tidewire.engines.sqlite.ledger import Channel, Ledger
from tidewire.engines.sqlite.rows import Row, select, to_text, write
from tidewire.history.latest import MAX_BYTES, MAX_KEYS, cost_of
from tidewire.messages import Position, Publication

Draft: TypeAlias = tuple[Publication, ChannelOptions, Receipt | None]
OnceKey: TypeAlias = tuple[str, str, str]
MapKey: TypeAlias = tuple[int, str]

DELETE_ENTRIES = (
    "WITH asked (c, s) AS (VALUES {rows})"
    " DELETE FROM entries WHERE (channel, seq) IN (SELECT c, s FROM asked)"
)
SET_KEYS = (
    "INSERT OR REPLACE INTO latest (channel, key, seq, timestamp, bytes, expires_at, body)"
    " VALUES {rows}"
)
DELETE_KEYS = (
    "WITH asked (c, k) AS (VALUES {rows})"
    " DELETE FROM latest WHERE (channel, key) IN (SELECT c, k FROM asked)"
)
"""By way of a subquery, or else SQLite looks at every row there is."""

FEW = 64
"""Entries that leave a log are named one by one, up to here; more are removed as a range."""


class Outcome(Struct):
    """How a batch ended: the receipts, and what is new in each channel."""

    receipts: list[Receipt] = field(default_factory=list)
    fresh: dict[str, list[Publication]] = field(default_factory=dict)


class Batch:
    """The drafts of one transaction. ``apply`` decides and writes; the caller commits."""

    def __init__(
        self,
        file: sqlite3.Connection,
        ledger: Ledger,
        make_tags: Callable[[int], list[str]],
        now_ms: int,
        max_map_bytes: float,
    ) -> None:
        self._file = file
        self._ledger = ledger
        self._make_tags = make_tags
        self._now_ms = now_ms
        self._max_map_bytes = max_map_bytes
        self._rows: list[tuple[Channel, Row]] = []
        self._oldest: dict[str, int] = {}  # by channel: where its log began before
        self._once: dict[OnceKey, Position] = {}
        self._once_rows: list[Row] = []
        self._stored: dict[MapKey, int] = {}  # bytes of the keys that are in the file
        self._keys: dict[MapKey, Row | None] = {}  # what becomes of them; None: removed
        self._expired: set[int] = set()  # channels whose ended keys have been removed
        self.outcome = Outcome()

    @property
    def once_count(self) -> int:
        return len(self._once_rows)

    def apply(self, drafts: list[Draft]) -> None:
        """Raises ``sqlite3.Error``; then nothing of it counts, and the caller rolls back."""
        texts = self._texts_of(drafts)
        written = [draft for draft, text in zip(drafts, texts, strict=True) if text is not None]
        self._ledger.fetch({entry.channel for entry, _, _ in written})
        self._fetch_once(written)
        self._fetch_keys(written)
        for (entry, options, receipt), text in zip(drafts, texts, strict=True):
            position = None if text is None else self._place(entry, options, text)
            if receipt is not None:
                receipt.position = position
                self.outcome.receipts.append(receipt)
        self._write()

    def _texts_of(self, drafts: list[Draft]) -> list[str | None]:
        """As they are stored; None for what no file and no frame can hold: half a character."""
        texts: list[str | None] = []
        for (entry, _, _), tag in zip(drafts, self._make_tags(len(drafts)), strict=True):
            entry.tag, entry.timestamp = tag, self._now_ms
            try:
                texts.append(to_text(entry))
            except (UnicodeEncodeError, OverflowError):
                texts.append(None)
        return texts

    def _place(self, entry: Publication, options: ChannelOptions, text: str) -> Position | None:
        """Where the entry is from now on; None where it is refused."""
        once = (entry.channel, entry.user_id, entry.once or "")
        if entry.once is not None and once in self._once:
            return self._once[once]
        channel = self._ledger.change(entry.channel)
        entry.seq = channel.seq + 1
        sets_key = entry.key is not None and options.keeps_latest
        if sets_key and not self._set_key(channel, entry, text):
            return None
        self._append(channel, entry, options, text)
        if entry.once is not None:
            self._remember(once, channel.head)
        return channel.head

    def _append(
        self, channel: Channel, entry: Publication, options: ChannelOptions, text: str
    ) -> None:
        self._oldest.setdefault(channel.name, channel.first)
        channel.seq, channel.tag = entry.seq, entry.tag
        channel.ttl_ms = int(options.history_ttl_s * 1000)
        channel.first = max(channel.first, entry.seq - options.history_size + 1)
        self._rows.append((channel, (channel.id, entry.seq, entry.timestamp, text)))
        self.outcome.fresh.setdefault(channel.name, []).append(entry)

    # -- once ----------------------------------------------------------------------------------

    def _fetch_once(self, drafts: Iterable[Draft]) -> None:
        asked = {(e.channel, e.user_id, e.once) for e, _, _ in drafts if e.once is not None}
        found = select(
            self._file,
            "WITH asked (c, u, k) AS (VALUES {rows})"
            " SELECT channel, user, key, until, epoch, seq, tag"
            " FROM asked CROSS JOIN once ON channel = c AND user = u AND key = k",
            list(asked),
        )
        for channel, user, key, until, *place in found:
            if until > self._now_ms:
                self._once[channel, user, key] = Position(*place)

    def _remember(self, once: OnceKey, place: Position) -> None:
        self._once[once] = place
        until = self._now_ms + int(ONCE_WINDOW_S * 1000)
        self._once_rows.append((*once, until, place.epoch, place.seq, place.tag))

    # -- the latest per key --------------------------------------------------------------------

    def _fetch_keys(self, drafts: Iterable[Draft]) -> None:
        asked = {
            (self._ledger.change(entry.channel).id, entry.key)
            for entry, options, _ in drafts
            if entry.key is not None and options.keeps_latest
        }
        found = select(
            self._file,
            "WITH asked (c, k) AS (VALUES {rows}) SELECT channel, key, bytes"
            " FROM asked CROSS JOIN latest ON channel = c AND key = k",
            list(asked),
        )
        self._stored.update(((channel, key), size) for channel, key, size in found)

    def _set_key(self, channel: Channel, entry: Publication, text: str) -> bool:
        """Set or remove the entry's key, if its map and all maps have room for it."""
        key = (channel.id, entry.key or "")
        size = 0 if entry.op == "remove" else cost_of(entry)
        if not self._has_room(channel, key, size):
            self._expire_keys(channel)
            if not self._has_room(channel, key, size):
                return False
        before = self._size_of(key)
        self._ledger.count_keys(channel, bool(size) - bool(before), size - before)
        row = (*key, entry.seq, entry.timestamp, size, entry.expires_at, text)
        self._keys[key] = row if size else None
        return True

    def _has_room(self, channel: Channel, key: MapKey, size: int) -> bool:
        before = self._size_of(key)
        keys, growth = bool(size) - bool(before), size - before
        has_keys = keys <= 0 or channel.keys + keys <= MAX_KEYS
        has_bytes = growth <= 0 or (
            channel.key_bytes + growth <= MAX_BYTES
            and self._ledger.key_bytes + growth <= self._max_map_bytes
        )
        return has_keys and has_bytes

    def _size_of(self, key: MapKey) -> int:
        if key in self._keys:
            row = self._keys[key]
            return 0 if row is None else row[4]
        return self._stored.get(key, 0)

    def _expire_keys(self, channel: Channel) -> None:
        """Remove the channel's keys whose end has come; once, however many find no room."""
        if channel.id in self._expired:
            return
        self._expired.add(channel.id)
        found = self._file.execute(
            "SELECT channel, key, bytes FROM latest WHERE channel = ? AND expires_at <= ?",
            (channel.id, self._now_ms),
        )
        for number, key, size in found.fetchall():
            if (number, key) not in self._keys:
                self._stored[number, key], self._keys[number, key] = size, None
                self._ledger.count_keys(channel, -1, -size)

    # -- writing -------------------------------------------------------------------------------

    def _write(self) -> None:
        file = self._file
        write(
            file,
            "INSERT INTO entries (channel, seq, timestamp, body) VALUES {rows}",
            [row for channel, row in self._rows if row[1] >= channel.first],
        )
        self._trim()
        write(file, "INSERT OR REPLACE INTO once VALUES {rows}", self._once_rows)
        gone = [key for key, row in self._keys.items() if row is None]
        write(file, DELETE_KEYS, gone)
        kept = [row for row in self._keys.values() if row is not None]
        write(file, SET_KEYS, kept)
        self._ledger.save()

    def _trim(self) -> None:
        """Remove what had to leave its log for what was appended."""
        few: list[Row] = []
        for name, oldest in self._oldest.items():
            channel = self._ledger.change(name)
            if channel.first - oldest > FEW:
                self._file.execute(
                    "DELETE FROM entries WHERE channel = ? AND seq < ?", (channel.id, channel.first)
                )
            else:
                few += [(channel.id, seq) for seq in range(oldest, channel.first)]
        write(self._file, DELETE_ENTRIES, few)
