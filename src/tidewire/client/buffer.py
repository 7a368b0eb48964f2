"""Buffer: what a channel has for its reader, bounded, and what happens when it is full. Pure."""

from __future__ import annotations

from collections import deque
from typing import Literal, TypeAlias

from tidewire.client.events import Gap, News, Skip
from tidewire.client.stream import Delivery, Told
from tidewire.messages import SkipReason

Policy: TypeAlias = Literal["wait", "drop_oldest", "latest"]
"""When the reader is behind: stop reading from the network until it is not; leave out the oldest;
or keep only the latest entry of each key (of all, where there are no keys)."""

BUFFER_ENTRIES = 1_000
"""Unless told otherwise: a second of a busy channel, about a megabyte."""

OVERFLOW = 4
"""Times its size that a buffer may hold while somebody waits for an answer, which is only read
behind the entries that came before it."""

Item: TypeAlias = Told | News


class Buffer:
    """First in, first out. What the policy leaves out is said by one ``Skip`` in front."""

    def __init__(self, policy: Policy = "wait", size: int = BUFFER_ENTRIES) -> None:
        self._policy = policy
        self._size = size
        self._items: deque[Item] = deque()
        self._skip: Skip | None = None

    def __len__(self) -> int:
        return len(self._items) + (self._skip is not None)

    @property
    def is_full(self) -> bool:
        """Whether to stop reading: only ever where the policy is to wait."""
        return self._policy == "wait" and len(self._items) >= self._size

    @property
    def is_overflowing(self) -> bool:
        """Whether not even one more answer may be waited for."""
        return self._policy == "wait" and len(self._items) >= self._size * OVERFLOW

    @property
    def has_room(self) -> bool:
        return len(self._items) * 2 <= self._size

    def put(self, item: Item) -> None:
        """Keep ``item`` for the reader, as the policy says."""
        if isinstance(item, Delivery):
            self._put_entry(item)
        elif isinstance(item, Gap | Skip) or len(self._items) < self._size:
            self._items.append(item)  # a gap is always told; news is left out first

    def _put_entry(self, item: Delivery) -> None:
        if self._policy == "latest":
            self._leave_out_older(item)
        if self._policy != "wait" and len(self._items) >= self._size:
            self._leave_out(self._items.popleft(), "dropped")
        self._items.append(item)

    def _leave_out_older(self, item: Delivery) -> None:
        key = item.arrived.envelope.key
        for older in self._items:
            if isinstance(older, Delivery) and older.arrived.envelope.key == key:
                self._items.remove(older)  # one at most: each that came took the one before it
                self._leave_out(older, "conflated")
                return

    def _leave_out(self, item: Item, reason: SkipReason) -> None:
        if isinstance(item, Gap):  # it takes back all that is left out before it, and is told
            self._skip = None
            self._items.appendleft(item)
        elif isinstance(item, Delivery):
            place = item.arrived.envelope
            self._say(Skip(place.channel, place.seq, place.seq, reason))
        elif isinstance(item, Skip):
            self._say(item)

    def _say(self, skip: Skip) -> None:
        """One ``Skip`` for all that is left out until the reader takes it."""
        if self._skip is not None:
            first, last = min(skip.first, self._skip.first), max(skip.last, self._skip.last)
            skip = Skip(skip.channel, first, last, skip.reason)
        self._skip = skip

    def take(self) -> Item | None:
        """The next, or None where there is nothing."""
        if self._skip is not None:
            skip, self._skip = self._skip, None
            return skip
        return self._items.popleft() if self._items else None
