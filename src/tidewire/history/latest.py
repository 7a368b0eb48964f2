"""Latest per key: what a dashboard, a presence list or a set of read cursors is.

Bounded in keys and in bytes. Reads no clock: the caller says what time it is.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush

from tidewire.messages import ENVELOPE_BYTES, Publication

MAX_KEYS = 10_000
"""Keys of one channel: a large dashboard. A snapshot of them is some megabytes, in pages."""

MAX_BYTES = 8 * 1024 * 1024
"""Of one channel's keys with their entries: what one who subscribes may have to be sent."""

STALE_SHARE = 2
"""Ends noted per key before those of replaced entries are cleared out: a key set every second for
an hour would otherwise leave 3,600 of them."""


def cost_of(entry: Publication) -> int:
    """Bytes that an entry counts in its channel's map."""
    return ENVELOPE_BYTES + len(entry.key or "") + len(entry.data)


class Latest:
    """The latest entry of each key, by rising ``seq``.

    An entry with a ``key`` sets it, with ``op`` "remove" takes it out; past its
    ``expires_at`` it is gone.
    """

    __slots__ = ("_ends", "_entries", "bytes")

    def __init__(self) -> None:
        self._entries: dict[str, Publication] = {}  # by rising seq: what is set anew moves back
        self._ends: list[tuple[int, str]] = []  # a heap; those of replaced entries lie in it too
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def entries(self) -> list[Publication]:
        return list(self._entries.values())

    def growth(self, entry: Publication) -> tuple[int, int]:
        """The keys and the bytes that ``entry`` would add; less than 0 where it makes room."""
        before = self._entries.get(entry.key or "")
        keys, size = (0, 0) if before is None else (-1, -cost_of(before))
        return (keys, size) if entry.op == "remove" else (keys + 1, size + cost_of(entry))

    def has_room(self, entry: Publication) -> bool:
        """Whether ``entry`` may be applied. What makes no more of it always may."""
        keys, size = self.growth(entry)
        has_keys = keys <= 0 or len(self._entries) + keys <= MAX_KEYS
        return has_keys and (size <= 0 or self.bytes + size <= MAX_BYTES)

    def apply(self, entry: Publication) -> None:
        """Set or remove the key of an entry that has its place in the log."""
        key = entry.key or ""
        self._drop(key)
        if entry.op == "remove":
            return
        self._entries[key] = entry
        self.bytes += cost_of(entry)
        if entry.expires_at is not None:
            heappush(self._ends, (entry.expires_at, key))
            self._clear_stale_ends()

    def expire(self, now_ms: int) -> None:
        """Let go of every key whose end has come."""
        ends = self._ends
        while ends and ends[0][0] <= now_ms:
            end, key = heappop(ends)
            entry = self._entries.get(key)
            if entry is not None and entry.expires_at == end:
                self._drop(key)

    def _drop(self, key: str) -> None:
        gone = self._entries.pop(key, None)
        if gone is not None:
            self.bytes -= cost_of(gone)

    def _clear_stale_ends(self) -> None:
        if len(self._ends) > STALE_SHARE * len(self._entries) + 8:
            entries = self._entries.items()
            self._ends = [(e.expires_at, key) for key, e in entries if e.expires_at is not None]
            heapify(self._ends)
