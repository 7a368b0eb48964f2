"""A batch: what was submitted in one or more ticks, as one transaction.

Decides as the memory engine does, entry by entry, and writes at the end: a
statement for each kind of row, however many there are.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from msgspec import Struct, field

from tidewire.channels.options import ChannelOptions
from tidewire.engines.base import Draft, Receipt
from tidewire.engines.sqlite.ledger import Channel, Ledger
from tidewire.engines.sqlite.maps import Maps
from tidewire.engines.sqlite.repeats import Repeats
from tidewire.engines.sqlite.rows import Row, to_text, write
from tidewire.messages import Position, Publication

DELETE = (
    "WITH asked (c, s) AS (VALUES {rows})"
    " DELETE FROM entries WHERE (channel, seq) IN (SELECT c, s FROM asked)"
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
        self, file: sqlite3.Connection, ledger: Ledger, now_ms: int, max_map_bytes: float
    ) -> None:
        self._file = file
        self._ledger = ledger
        self._now_ms = now_ms
        self._maps = Maps(file, ledger, now_ms, max_map_bytes)
        self._rows: list[tuple[Channel, Row]] = []
        self._oldest: dict[str, int] = {}  # by channel: where its log began before
        self.repeats = Repeats(file, now_ms)
        self.outcome = Outcome()

    def apply(self, drafts: Sequence[Draft], tags: Sequence[str]) -> None:
        """Raises ``sqlite3.Error``; then nothing of it counts, and the caller rolls back."""
        texts = [self._text_of(entry, tag) for (entry, _, _), tag in zip(drafts, tags, strict=True)]
        self._fetch([draft for draft, text in zip(drafts, texts, strict=True) if text is not None])
        for (entry, options, receipt), text in zip(drafts, texts, strict=True):
            position = None if text is None else self._place(entry, options, text)
            if receipt is not None:
                receipt.position = position
                self.outcome.receipts.append(receipt)
        self._write()

    def _text_of(self, entry: Publication, tag: str) -> str | None:
        """As it is stored; None for what no file and no frame can hold: half a character."""
        entry.tag, entry.timestamp = tag, self._now_ms
        try:
            return to_text(entry)
        except (UnicodeEncodeError, OverflowError):
            return None

    def _fetch(self, drafts: Sequence[Draft]) -> None:
        self._ledger.fetch({entry.channel for entry, _, _ in drafts})
        self.repeats.fetch(drafts)
        self._maps.fetch(drafts)

    def _place(self, entry: Publication, options: ChannelOptions, text: str) -> Position | None:
        """Where the entry is from now on; None where it is refused."""
        first = self.repeats.position(entry)
        if first is not None:
            return first
        channel = self._ledger.change(entry.channel)
        entry.seq = channel.seq + 1
        sets_key = entry.key is not None and options.keeps_latest
        if sets_key and not self._maps.apply(channel, entry, text):
            return None
        self._append(channel, entry, options, text)
        self.repeats.remember(entry, channel.head)
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

    # -- writing -------------------------------------------------------------------------------

    def _write(self) -> None:
        write(
            self._file,
            "INSERT INTO entries (channel, seq, timestamp, body) VALUES {rows}",
            [row for channel, row in self._rows if row[1] >= channel.first],
        )
        self._trim()
        self.repeats.write()
        self._maps.write()
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
        write(self._file, DELETE, few)
