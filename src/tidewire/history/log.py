"""A channel's log: the newest entries, and the position of the last.

Bounded by count and age. Reads no clock: the caller says what is too old.
"""

from __future__ import annotations

from collections import deque
from itertools import islice

from tidewire.history.query import Gap, Query, Replay, span_of
from tidewire.messages import Position, Publication

__all__ = ["Gap", "Log", "Query", "Replay"]


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

    def read(self, query: Query) -> Replay | Gap:
        """What ``query`` is after, or a gap where that cannot be told for certain."""
        first = self.seq - len(self._entries) + 1
        span = span_of(query, self.head, first, lambda seq: self._entries[seq - first].tag)
        if isinstance(span, Gap):
            return span
        stop = max(span.first, span.last + 1)
        found = list(islice(self._entries, span.first - first, stop - first))
        return Replay(found[::-1] if query.newest_first else found)
