"""What single members of a room are told, where that is not the block that everybody gets. Pure.

Who has just joined takes the batch from there on; whom an entry excludes is told
that it is left out, whose signal it is nothing; who is behind misses events first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeAlias

from tidewire.hub.members import Item, Member, Wire
from tidewire.hub.room import Room
from tidewire.hub.skips import leave_out, reason_to_exclude
from tidewire.messages import Publication, Signalled, Skipped, StateChanged

FindMember: TypeAlias = Callable[[str], Member | None]
"""The member whose client id this is, if it is connected here."""


class View:
    """One member's part of a batch."""

    __slots__ = ("absences", "start")

    def __init__(self) -> None:
        self.start = 0
        self.absences: set[int] = set()  # what is not for it, by its place in the batch

    def block(self, items: Sequence[Item], frames: Sequence[bytes], wire: Wire) -> bytes:
        """Its bytes; none where nothing is left."""
        pieces: list[bytes | Skipped] = []
        place = self.start
        for absent in sorted(self.absences):
            if absent >= place:
                pieces.extend(frames[place:absent])
                _omit(pieces, items[absent])
                place = absent + 1
        pieces.extend(frames[place:])
        return b"".join(
            each if isinstance(each, bytes) else wire.frames([each])[0] for each in pieces
        )


def _omit(pieces: list[bytes | Skipped], item: Item) -> None:
    """An entry is said to be left out; of an event nobody knows that there was one."""
    if isinstance(item, Publication):
        leave_out(pieces, item.channel, item.seq, item.seq, reason_to_exclude(item))


def views(
    room: Room, items: Sequence[Item], late: Mapping[Member, int], find: FindMember
) -> Mapping[Member, View]:
    """Everyone in ``room`` who is not told just ``items``."""
    found: dict[Member, View] = defaultdict(View)
    for member, start in late.items():
        found[member].start = start
    if room.has_absences:
        for place, member in _absences(items, find):
            found[member].absences.add(place)
    if room.tail is not None:  # which keeps the entries for them
        for member in room.behind:
            found[member].start = len(items)
    elif room.behind:
        events = {place for place, item in enumerate(items) if not isinstance(item, Publication)}
        for member in room.behind if events else ():
            found[member].absences |= events
    return found


def _absences(items: Sequence[Item], find: FindMember) -> Iterator[tuple[int, Member]]:
    """Each item that is not for one of the members, by its place."""
    for place, item in enumerate(items):
        client_id = _not_for(item)
        member = find(client_id) if client_id else None
        if member is not None:
            yield place, member


def _not_for(item: Item) -> str:
    """The client that is not sent ``item``: signals and states do not go back to their sender."""
    if isinstance(item, Publication):
        return item.exclude
    return item.client_id if isinstance(item, Signalled | StateChanged) else ""
