"""Tail: the latest of a channel, for those of its readers who are behind. Pure.

One for a room, however many are behind: each of them keeps only the ``seq`` it
has reached, so a slow reader costs an integer, and a publication costs the
same whether one reader is behind or a thousand.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import takewhile

from msgspec import Struct

from tidewire.hub.members import Item
from tidewire.hub.skips import leave_out, reason_to_exclude
from tidewire.messages import ENVELOPE_BYTES, Publication

MAX_TAIL_ENTRIES = 4_096
"""Kept for a room's slow readers: four for each key of a dashboard of a thousand. Looking through
all of them, as often as a reader catches up, takes 0.6 ms."""

MAX_TAIL_BYTES = 1024 * 1024
"""As much as the queue of one connection may hold, and shared by all the room's slow readers."""

MAX_TOTAL_BYTES = 64 * 1024 * 1024
"""Of all rooms' tails together: one client can be behind in 128 rooms, and a thousand in more."""

BLOCK_BYTES = 16 * 1024
"""Written to a reader that catches up before it is looked at again: a quarter of what its
transport takes before it says that it is full."""


class Block(Struct, frozen=True, gc=False):
    """What can be written at a time, and the ``seq`` it reaches."""

    items: list[Item]
    reached: int


class Tail:
    """Entries by rising ``seq``; where it conflates, only the latest of each ``key``."""

    __slots__ = ("_conflates", "_dropped", "_entries", "bytes")

    def __init__(self, *, conflates: bool) -> None:
        self._conflates = conflates
        self._entries: OrderedDict[str | int, Publication] = OrderedDict()
        self._dropped = 0  # up to here the oldest had to leave
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, items: Iterable[Item]) -> None:
        """Take the entries among ``items``; events are the first that a slow reader misses."""
        for item in items:
            if isinstance(item, Publication):
                self._put(item)
        while self._is_full:
            self.drop_oldest()

    def _put(self, entry: Publication) -> None:
        name = entry.seq if entry.key is None or not self._conflates else entry.key
        older = self._entries.pop(name, None)
        if older is not None:
            self.bytes -= _cost(older)
        self._entries[name] = entry
        self.bytes += _cost(entry)

    @property
    def _is_full(self) -> bool:
        """The newest entry stays, whatever its size: a reader has to learn how far the log is."""
        count = len(self._entries)
        return count > MAX_TAIL_ENTRIES or (self.bytes > MAX_TAIL_BYTES and count > 1)

    def drop_oldest(self) -> None:
        _, oldest = self._entries.popitem(last=False)
        self.bytes -= _cost(oldest)
        self._dropped = oldest.seq

    def blocks(self, after: int, excludes: Callable[[Publication], bool]) -> Iterator[Block]:
        """What follows ``after``, with word of every hole; what ``excludes`` is one."""
        items: list[Item] = []
        size = 0
        for entry in self._since(after):
            self._explain(items, entry.channel, after + 1, entry.seq - 1)
            after = entry.seq
            if entry.exclude and excludes(entry):
                leave_out(items, entry.channel, after, after, reason_to_exclude(entry))
                continue
            items.append(entry)
            size += _cost(entry)
            if size >= BLOCK_BYTES:
                yield Block(items, after)
                items, size = [], 0
        if items:
            yield Block(items, after)

    def _since(self, after: int) -> Sequence[Publication]:
        newest_first = takewhile(lambda entry: entry.seq > after, reversed(self._entries.values()))
        return list(newest_first)[::-1]

    def _explain(self, items: list[Item], channel: str, first: int, last: int) -> None:
        """Say why the entries from ``first`` to ``last``, if any, are not here."""
        dropped = min(last, self._dropped)
        if first <= dropped:
            leave_out(items, channel, first, dropped, "dropped")
            first = dropped + 1
        if first <= last:
            leave_out(items, channel, first, last, "conflated")


class Tails:
    """All rooms' tails, and what they come to together.

    Over the total the one that has grown least lately gives up its oldest first; the
    newest entry of each stays.
    """

    __slots__ = ("_tails", "bytes")

    def __init__(self) -> None:
        self._tails: OrderedDict[Tail, None] = OrderedDict()
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._tails)

    def add(self, tail: Tail, items: Iterable[Item]) -> None:
        """Let ``tail``, which is new or one of these, take ``items``."""
        self.bytes += _growth(tail, lambda: tail.add(items))
        self._tails[tail] = None
        self._tails.move_to_end(tail)
        if self.bytes > MAX_TOTAL_BYTES:
            self._trim()

    def forget(self, tail: Tail) -> None:
        """Nobody is behind in its room any more."""
        if tail in self._tails:
            del self._tails[tail]
            self.bytes -= tail.bytes

    def _trim(self) -> None:
        for tail in list(self._tails):
            while len(tail) > 1:
                if self.bytes <= MAX_TOTAL_BYTES:
                    return
                self.bytes += _growth(tail, tail.drop_oldest)


def _growth(tail: Tail, change: Callable[[], None]) -> int:
    before = tail.bytes
    change()
    return tail.bytes - before


def _cost(entry: Publication) -> int:
    return ENVELOPE_BYTES + len(entry.data)
