"""Heavy hitters: which few of very many keys there is most of, in bounded memory.

Space-Saving (Metwally, Agrawal, El Abbadi: "Efficient Computation of Frequent and
Top-k Elements in Data Streams", 2005), which tells every key that has more than
1/capacity of the total. It makes room for one key at a time; here half of the
counters are let go together (Anderson et al.: "A High-Performance Algorithm for
Identifying Frequent Items in Data Streams", 2017), because that costs a dict's
lookup on the way and 0.5 us for each new key, whoever chooses the keys. Pure.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from msgspec import Struct

CAPACITY = 256
"""Keys told apart for certain: whoever causes more than 0.4 % of the load. Takes twice as many
counters."""

WINDOW_S = 10.0
"""Counted in windows of so long: what is told is of the last 10 to 20 seconds."""

SAMPLED = 32
"""One message in so many is looked at, at random, and counts as so many. To count each in six
tables would cost 1.5 us; this way it is 0.1, and a tenth of any load that matters shows within a
second."""


class Hitter(Struct, frozen=True):
    """``count`` is never too low, and too high by ``error`` at most."""

    key: str
    count: int
    error: int


class HeavyHitters:
    """Counts weights by key; knows the heaviest. Memory: two times ``capacity`` counters."""

    __slots__ = ("_capacity", "_counts", "_errors", "_floor")

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._counts: dict[str, int] = {}
        self._errors: dict[str, int] = {}
        self._floor = 0

    def __len__(self) -> int:
        return len(self._counts)

    def add(self, key: str, weight: int = 1) -> None:
        counts = self._counts
        if key in counts:
            counts[key] += weight
            return
        counts[key] = self._floor + weight
        if self._floor:
            self._errors[key] = self._floor
        if len(counts) >= 2 * self._capacity:
            self._make_room()

    def _make_room(self) -> None:
        """Let go of all but the heaviest; who is let go, or comes anew, had the floor at most."""
        self._floor = sorted(self._counts.values())[-self._capacity - 1]
        self._counts = {key: count for key, count in self._counts.items() if count > self._floor}
        self._errors = {key: each for key, each in self._errors.items() if key in self._counts}

    def top(self, limit: int) -> list[Hitter]:
        """The heaviest first."""
        keys = sorted(self._counts, key=self._counts.__getitem__, reverse=True)[:limit]
        return [Hitter(key, self._counts[key], self._errors.get(key, 0)) for key in keys]


class Window:
    """The same over the last window and the one that is still being filled."""

    __slots__ = ("_before", "add", "now")

    def __init__(self) -> None:
        self._before = HeavyHitters()
        self.now = HeavyHitters()
        self.add = self.now.add

    def turn(self) -> None:
        self._before, self.now = self.now, HeavyHitters()
        self.add = self.now.add

    def top(self, limit: int) -> list[Hitter]:
        both: dict[str, Hitter] = {}
        for each in (*self._before.top(2 * CAPACITY), *self.now.top(2 * CAPACITY)):
            other = both.get(each.key, Hitter(each.key, 0, 0))
            both[each.key] = Hitter(each.key, other.count + each.count, other.error + each.error)
        return sorted(both.values(), key=lambda each: each.count, reverse=True)[:limit]


MEASURES = ("messages", "bytes", "errors")
SUBJECTS = ("users", "channels", "addresses")


class Traffic:
    """Who sends how much: by user, channel and address; messages, bytes and errors.

    Messages and bytes are sampled: call ``sample`` each time ``skip`` reaches zero::

        traffic.skip -= 1
        if not traffic.skip:
            traffic.sample(user_id, channel, ip, size)
    """

    __slots__ = ("_gap", "_opened_at", "_tables", "_turned_at", "skip")

    def __init__(self, gap: Callable[[], int] | None = None) -> None:
        # At random, since of 32 clients that take turns the same one would be seen each time.
        self._gap = gap or (lambda: 1 + int(random.random() * (2 * SAMPLED - 1)))  # noqa: S311
        self._tables = {(s, m): Window() for s in SUBJECTS for m in MEASURES}
        self._opened_at = self._turned_at = 0.0
        self.skip = 1

    def sample(self, user_id: str, channel: str, ip: str, size: int) -> None:
        """One message in ``SAMPLED``: counts as that many."""
        self.skip = self._gap()
        for subject, key in zip(SUBJECTS, (user_id, channel, ip), strict=True):
            if key:
                self._tables[subject, "messages"].add(key, SAMPLED)
                self._tables[subject, "bytes"].add(key, size * SAMPLED)

    def error(self, user_id: str, channel: str, ip: str) -> None:
        """A command that was refused; each is counted."""
        for subject, key in zip(SUBJECTS, (user_id, channel, ip), strict=True):
            if key:
                self._tables[subject, "errors"].add(key)

    def turn(self, now: float) -> None:
        """Call it every second: a window that is over gives way to the next."""
        if not self._turned_at:
            self._opened_at = self._turned_at = now
        elif now >= self._turned_at + WINDOW_S:
            self._opened_at, self._turned_at = self._turned_at, now
            for window in self._tables.values():
                window.turn()

    def seconds(self, now: float) -> float:
        """How long what is told has been counted for."""
        return max(now - self._opened_at, 1.0) if self._opened_at else 1.0

    def tops(self, limit: int) -> Iterator[tuple[str, str, list[Hitter]]]:
        """Subject, measure and the heaviest of it."""
        for (subject, measure), window in self._tables.items():
            yield subject, measure, window.top(limit)
