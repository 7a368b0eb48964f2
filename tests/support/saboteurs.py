"""Parts of a server that break one promise each, and count how often they did.

Each takes the place of the honest part it is made from, in a server that is
otherwise the real one: ``monkeypatch.setattr(HUB, partial(DroppingHub, tally))``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from msgspec.structs import replace

from tidewire.channels.options import ChannelOptions
from tidewire.channels.patterns import ChannelTable, Found
from tidewire.engines.base import Page, Query, Receipt
from tidewire.engines.memory import MemoryEngine
from tidewire.history.log import Log
from tidewire.hub import Hub, Room
from tidewire.messages import Position, Publication

HUB = "tidewire.compose.assembly.Hub"
ENGINE = "tidewire.compose.engines.MemoryEngine"
CHANNELS = "tidewire.compose.parts.ChannelTable"

CHANNEL = "room:1"
"""Where sabotage happens; the lobby is left alone."""


class Tally:
    """How often a fault happened: a test that relies on it looks."""

    def __init__(self) -> None:
        self.faults = 0


class _FaultyHub(Hub):
    def __init__(self, tally: Tally, *parts: Any) -> None:
        super().__init__(*parts)
        self._tally = tally

    def publish(self, room: Room, entries: Sequence[Publication]) -> None:
        shown = list(entries)
        if room.name == CHANNEL:
            shown = self._spoil(shown)
        super().publish(room, shown)

    def _spoil(self, entries: list[Publication]) -> list[Publication]:
        raise NotImplementedError


class DroppingHub(_FaultyHub):
    """Loses one entry in a hundred on the way to its readers."""

    def _spoil(self, entries: list[Publication]) -> list[Publication]:
        kept = [each for each in entries if each.seq % 100 != 50]
        self._tally.faults += len(entries) - len(kept)
        return kept


class SwappingHub(_FaultyHub):
    """Delivers two neighbours in the wrong order, once."""

    def _spoil(self, entries: list[Publication]) -> list[Publication]:
        if self._tally.faults or len(entries) < 4:
            return entries
        self._tally.faults += 1
        first, second, third, *rest = entries
        return [first, third, second, *rest]


class RepeatingHub(_FaultyHub):
    """Delivers one entry twice, once."""

    def _spoil(self, entries: list[Publication]) -> list[Publication]:
        if self._tally.faults or len(entries) < 4:
            return entries
        self._tally.faults += 1
        return [*entries[:2], *entries[1:]]


class IndulgentTable(ChannelTable):
    """Whoever asks may read, whatever was configured."""

    def __init__(self, tally: Tally, rules: Iterable[tuple[str, ChannelOptions]]) -> None:
        super().__init__(rules)
        self._tally = tally

    def find(self, name: str) -> Found | None:
        found = super().find(name)
        if found is None or found.options.may_subscribe == "anyone":
            return found
        self._tally.faults += 1
        return replace(found, options=replace(found.options, may_subscribe="anyone"))


class _FaultyEngine(MemoryEngine):
    def __init__(self, tally: Tally, *parts: Any) -> None:
        super().__init__(*parts)
        self._tally = tally


REWIND_AT, REWIND_BY = 150, 5


class RewindingEngine(_FaultyEngine):
    """Forgets its newest five entries at the hundred and fiftieth, and grows again from there."""

    def drain(self) -> None:
        state = self._holdings.channels.get(CHANNEL)
        if state is not None and state.log.seq >= REWIND_AT and not self._tally.faults:
            state.log = _rewound(state.log, REWIND_BY)
            self._tally.faults += 1
        super().drain()


class BlindlyRewindingEngine(RewindingEngine):
    """Rewinds, and believes whatever tag a reader shows: what positions without tags would do."""

    async def read(self, channel: str, options: ChannelOptions, query: Query) -> Page:
        since = query.since
        if since is not None:
            query = replace(query, since=Position(since.epoch, since.seq))
        return await super().read(channel, options, query)


class HastyEngine(_FaultyEngine):
    """Acknowledges one publication in forty that never enters the history."""

    def __init__(self, tally: Tally, *parts: Any) -> None:
        super().__init__(tally, *parts)
        self._submitted = 0
        self._lost: list[Receipt] = []

    def submit(self, entry: Publication, options: ChannelOptions, receipt: Receipt | None) -> bool:
        self._submitted += 1
        if receipt is None or self._submitted % 40:
            return super().submit(entry, options, receipt)
        head = self._holdings.channel(entry.channel, options).log.head
        receipt.outcome = "accepted"
        receipt.position = Position(head.epoch, head.seq + self.in_flight + 1, "lost")
        self._lost.append(receipt)
        return True

    def drain(self) -> None:
        super().drain()
        lost, self._lost = self._lost, []
        if lost:
            self._tally.faults += len(lost)
            self._sink.settled(lost)


def _rewound(log: Log, count: int) -> Log:
    shorter = Log(log.epoch, 10_000)
    for entry in list(log._entries)[:-count]:
        shorter.append(entry)
    return shorter
