"""A channel's log: the newest entries, the position of the last, and the recovery decision.

Bounded by count and age. Reads no clock: the caller says what is too old.
"""

from __future__ import annotations

from collections import deque
from itertools import islice

from msgspec import Struct

from tidewire.messages import Position, Publication


class Replay(Struct, frozen=True):
    """Exactly what was missed, oldest first; nothing is left out."""

    entries: list[Publication]


class Gap(Struct, frozen=True):
    """What was missed can no longer be told: the reader must load its state anew."""


class Log:
    """The newest ``size`` publications of one channel, and the position of the last.

    Within one epoch ``seq`` rises by exactly one, and the position outlives its
    entry: a log whose entries have all expired still knows where it is.
    """

    __slots__ = ("_entries", "_size", "epoch", "last_tag", "seq")

    def __init__(self, epoch: str, size: int) -> None:
        self.epoch = epoch
        self.seq = 0
        self.last_tag = ""
        self._size = size
        self._entries: deque[Publication] = deque()

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def head(self) -> Position:
        return Position(self.epoch, self.seq, self.last_tag)

    def append(self, entry: Publication) -> Publication | None:
        """Add the next entry; answers the one that had to leave for it, if any."""
        self.seq = entry.seq
        self.last_tag = entry.tag
        if self._size == 0:
            return entry
        entries = self._entries
        entries.append(entry)
        return entries.popleft() if len(entries) > self._size else None

    def oldest(self) -> Publication | None:
        return self._entries[0] if self._entries else None

    def drop_oldest(self) -> Publication:
        return self._entries.popleft()

    def latest(self, limit: int) -> list[Publication]:
        """The newest ``limit`` entries, oldest first."""
        return list(islice(self._entries, max(0, len(self._entries) - limit), None))

    def since(self, position: Position) -> Replay | Gap:
        """What follows ``position``, or a gap where that cannot be told for certain.

        A position that carries a tag must name an entry that is still here (or
        the head): a log that was rewound and grew again under the same epoch
        has another entry at that ``seq``. This costs one entry of retention.
        """
        behind = self.seq - position.seq
        if position.epoch != self.epoch or behind < 0:
            return Gap()
        if position.tag and not self._carries(position):
            return Gap()
        if behind > len(self._entries):
            return Gap()
        return Replay(self.latest(behind))

    def _carries(self, position: Position) -> bool:
        if position.seq == self.seq:
            return position.tag == self.last_tag
        index = len(self._entries) - 1 - (self.seq - position.seq)
        return index >= 0 and self._entries[index].tag == position.tag
