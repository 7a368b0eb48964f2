"""The ledger: where every channel's log stands, for the one thread that writes.

What is changed in a transaction is changed in copies, which take the originals'
place when it has been committed: whatever fails leaves everything as it was.
"""

from __future__ import annotations

import sqlite3
from collections import OrderedDict
from collections.abc import Callable, Iterable
from copy import copy

from msgspec import Struct, structs

from tidewire.engines.sqlite.rows import Row, select, write
from tidewire.messages import Position

MAX_AT_HAND = 50_000
"""Channels whose place is kept in memory beside those that are open: some 20 MiB. The others are
looked up again."""

SAVE = """
INSERT INTO channels VALUES {rows} ON CONFLICT (id) DO UPDATE SET
    seq = excluded.seq, tag = excluded.tag, first = excluded.first,
    ttl_ms = excluded.ttl_ms, keys = excluded.keys, key_bytes = excluded.key_bytes
"""


class Channel(Struct):
    """One channel's row, column by column."""

    id: int
    name: str
    epoch: str
    seq: int = 0
    tag: str = ""
    first: int = 1
    ttl_ms: int = 0
    keys: int = 0
    key_bytes: int = 0

    @property
    def head(self) -> Position:
        return Position(self.epoch, self.seq, self.tag)

    @property
    def entries(self) -> int:
        return self.seq - self.first + 1

    @property
    def kept(self) -> int:
        return self.entries + self.keys


class Ledger:
    """The channels, and totals over them."""

    def __init__(self, file: sqlite3.Connection, make_epoch: Callable[[], str]) -> None:
        self._file = file
        self._make_epoch = make_epoch
        self._at_hand: OrderedDict[str, Channel] = OrderedDict()  # least recently used first
        self._open: set[str] = set()
        self._copies: dict[str, Channel] = {}
        self._next_id, self.kept, self.key_bytes = file.execute(
            "SELECT ifnull(max(id), 0) + 1, ifnull(sum(seq - first + 1 + keys), 0),"
            " ifnull(sum(key_bytes), 0) FROM channels"
        ).fetchone()
        self._key_bytes_before = self.key_bytes

    # -- looking up ----------------------------------------------------------------------------

    def fetch(self, names: Iterable[str]) -> None:
        """Have these channels at hand, those that are new with a new epoch."""
        missing = [name for name in names if name not in self._at_hand]
        found = select(
            self._file,
            "SELECT * FROM channels WHERE name IN (VALUES {rows})",
            [(name,) for name in missing],
        )
        self._at_hand.update((row[1], Channel(*row)) for row in found)
        for name in missing:
            if name not in self._at_hand:
                self._at_hand[name] = Channel(self._next_id, name, self._make_epoch())
                self._next_id += 1

    def take(self, row: Row) -> Channel:
        """This transaction's copy of a channel, a row of which was just read."""
        name = row[1]
        if name not in self._at_hand:
            self._at_hand[name] = Channel(*row)
        return self.change(name)

    def change(self, name: str) -> Channel:
        """This transaction's copy of a channel that is at hand."""
        channel = self._copies.get(name)
        if channel is None:
            self._at_hand.move_to_end(name)
            channel = self._copies[name] = copy(self._at_hand[name])
        return channel

    def count_keys(self, channel: Channel, keys: int, size: int) -> None:
        """So many keys more in a channel's map, and so many bytes."""
        channel.keys += keys
        channel.key_bytes += size
        self.key_bytes += size

    # -- who reads -----------------------------------------------------------------------------

    def open(self, name: str) -> Position:
        self.fetch([name])
        self._open.add(name)
        return self._at_hand[name].head

    def close(self, name: str) -> None:
        self._open.discard(name)

    def is_open(self, name: str) -> bool:
        return name in self._open

    def next_token(self) -> int:
        """Of a lease: higher than all before it, and so it is in the file before it is used."""
        self._file.execute("UPDATE counters SET value = value + 1 WHERE name = 'lease_token'")
        (token,) = self._file.execute(
            "SELECT value FROM counters WHERE name = 'lease_token'"
        ).fetchone()
        return int(token)

    # -- the transaction's end -----------------------------------------------------------------

    def save(self) -> None:
        """Write what was changed: part of the transaction."""
        idle = [each for each in self._copies.values() if self._is_idle(each)]
        kept = [each for each in self._copies.values() if not self._is_idle(each)]
        write(self._file, SAVE, [structs.astuple(each) for each in kept])
        write(
            self._file,
            "DELETE FROM channels WHERE id IN (VALUES {rows})",
            [(each.id,) for each in idle],
        )

    def committed(self) -> None:
        for name, channel in self._copies.items():
            before = self._at_hand[name]
            self.kept += channel.kept - before.kept
            if self._is_idle(channel):
                del self._at_hand[name]
            else:
                self._at_hand[name] = channel
        self._copies.clear()
        self._key_bytes_before = self.key_bytes
        self._let_go()

    def rolled_back(self) -> None:
        self._copies.clear()
        self.key_bytes = self._key_bytes_before

    def _is_idle(self, channel: Channel) -> bool:
        """Nobody reads it and it keeps nothing: it is freed, and its next life is a new epoch."""
        return channel.kept == 0 and channel.name not in self._open

    def _let_go(self) -> None:
        excess = len(self._at_hand) - MAX_AT_HAND - len(self._open)
        if excess > 0:
            closed = [name for name in self._at_hand if name not in self._open]
            for name in closed[: excess + MAX_AT_HAND // 10]:
                del self._at_hand[name]
