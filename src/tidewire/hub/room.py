"""One channel, seen from this process: who is in it, and what it has collected for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tidewire.channels.options import SlowReader
from tidewire.hub.members import Item, Member, Wire
from tidewire.hub.tail import Tail
from tidewire.messages import ENVELOPE_BYTES, Event, Position, Publication

MAX_HELD_BYTES = 1024 * 1024
"""Kept for one client while its recovery is read: as much as its own queue may hold. Beyond it
the recovery is a gap."""


class Held:
    """What came for one member while it was reading the past."""

    __slots__ = ("bytes", "entries")

    def __init__(self) -> None:
        self.entries: list[Publication] = []
        self.bytes = 0

    def add(self, entries: Sequence[Publication]) -> None:
        if not self.overflowed:
            self.entries.extend(entries)
            self.bytes += sum(ENVELOPE_BYTES + len(entry.data) for entry in entries)

    @property
    def overflowed(self) -> bool:
        return self.bytes > MAX_HELD_BYTES


class Awaited(Held):
    """Not what came, but that it came: for whoever waits in the room without being told things."""

    __slots__ = ("_wake",)

    def __init__(self, wake: Callable[[], None]) -> None:
        super().__init__()
        self._wake = wake

    def add(self, entries: Sequence[Publication]) -> None:
        self._wake()


class Room:
    """A channel's members by wire, its batch, and what its slow readers have still to be told.

    A member that is ``behind`` stays in its group, and is passed over where the
    room keeps a ``tail`` for it instead.
    """

    __slots__ = ("behind", "flushing", "groups", "has_absences", "held", "late", "name",
                 "newcomers", "pending", "position", "signals", "slow_reader", "tail")  # fmt: skip

    def __init__(self, name: str, position: Position, slow_reader: SlowReader) -> None:
        self.name = name
        self.position = position
        self.slow_reader = slow_reader
        self.groups: dict[Wire, dict[Member, None]] = {}
        self.pending: list[Item] = []
        self.signals: dict[object, Event] = {}  # the latest of each kind and client in this tick
        self.has_absences = False  # something collected is not for everybody
        self.late: dict[Member, int] = {}  # joined with a batch pending: takes it from here on
        self.held: dict[Member, Held] = {}
        self.flushing = 0  # groups whose last batch is still going out in chunks
        self.newcomers: set[Member] = set()  # joined meanwhile: that batch is not theirs
        self.behind: dict[Member, int] = {}  # who reads too slowly, and the seq each has reached
        self.tail: Tail | None = None

    def __len__(self) -> int:
        return sum(map(len, self.groups.values()))

    @property
    def is_empty(self) -> bool:
        return not self.groups and not self.held

    @property
    def has_collected(self) -> bool:
        """Whether the next batch has anything in it."""
        return bool(self.pending or self.signals)

    def has(self, member: Member) -> bool:
        group = self.groups.get(member.wire)
        return group is not None and member in group

    def remove(self, member: Member) -> None:
        """Nothing that is collected, held or kept is for ``member`` any more."""
        group = self.groups.get(member.wire)
        if group is not None:
            group.pop(member, None)
            if not group:
                del self.groups[member.wire]
        self.late.pop(member, None)
        self.held.pop(member, None)
        self.no_longer_behind(member)

    def is_apart(self, member: Member) -> bool:
        """Whether ``member`` is not owed just the next batch: it joined amid it, or is behind."""
        return member in self.late or member in self.behind or member in self.held

    def rewire(self, member: Member, wire: Wire) -> None:
        """What is pending reaches ``member`` on ``wire``, which it says is its own from now on."""
        group = self.groups.get(member.wire)
        if group is not None and member in group:
            del group[member]
            if not group:
                del self.groups[member.wire]
            self.groups.setdefault(wire, {})[member] = None

    # -- slow readers --------------------------------------------------------------------------

    def fall_behind(self, member: Member) -> None:
        """Keep for ``member`` what follows the batches that are out, or still going out."""
        if member in self.behind:
            return
        if self.tail is None and self.slow_reader != "disconnect":
            self.tail = Tail(conflates=self.slow_reader == "conflate")
        waiting = self.pending[self.late.get(member, 0) :]
        seqs = (item.seq for item in waiting if isinstance(item, Publication))
        self.behind[member] = next(seqs, self.position.seq + 1) - 1

    def no_longer_behind(self, member: Member) -> None:
        self.behind.pop(member, None)
        if not self.behind:
            self.tail = None
