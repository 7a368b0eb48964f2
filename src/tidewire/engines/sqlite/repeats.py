"""Idempotency keys in the file: as ``engines.once``, but by the wall clock, for no other survives
a restart."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import TypeAlias

from tidewire.engines.base import Draft
from tidewire.engines.once import ONCE_WINDOW_S
from tidewire.engines.sqlite.rows import Row, select, write
from tidewire.messages import Position, Publication

OnceKey: TypeAlias = tuple[str, str, str | None]

FIND = (
    "WITH asked (c, u, k) AS (VALUES {rows})"
    " SELECT channel, user, key, until, epoch, seq, tag"
    " FROM asked CROSS JOIN once ON channel = c AND user = u AND key = k"
)


class Repeats:
    """The ``once`` keys of a batch: those known before, and those it makes known."""

    def __init__(self, file: sqlite3.Connection, now_ms: int) -> None:
        self._file = file
        self._now_ms = now_ms
        self._known: dict[OnceKey, Position] = {}
        self._rows: list[Row] = []

    def __len__(self) -> int:
        """How many the batch makes known."""
        return len(self._rows)

    def fetch(self, drafts: Iterable[Draft]) -> None:
        asked = {_key(entry) for entry, _, _ in drafts if entry.once is not None}
        for channel, user, key, until, *place in select(self._file, FIND, list(asked)):
            if until > self._now_ms:
                self._known[channel, user, key] = Position(*place)

    def position(self, entry: Publication) -> Position | None:
        """Where the first with this entry's key is, if that is not too long ago."""
        return None if entry.once is None else self._known.get(_key(entry))

    def remember(self, entry: Publication, place: Position) -> None:
        if entry.once is not None:
            key = _key(entry)
            self._known[key] = place
            until = self._now_ms + int(ONCE_WINDOW_S * 1000)
            self._rows.append((*key, until, place.epoch, place.seq, place.tag))

    def write(self) -> None:
        write(self._file, "INSERT OR REPLACE INTO once VALUES {rows}", self._rows)


def _key(entry: Publication) -> OnceKey:
    return entry.channel, entry.user_id, entry.once
