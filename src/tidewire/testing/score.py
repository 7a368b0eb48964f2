"""Score: a history in numbers, for whoever watches, and the verdict at its end. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from tidewire.testing import violations as found
from tidewire.testing.history import (
    Acknowledged,
    Asked,
    Failed,
    Gapped,
    Invoked,
    Operation,
    Received,
    Seen,
    Skipped,
    Subscribed,
)
from tidewire.testing.violations import Violation

AUDITOR = "auditor"
"""Who reads the channels once more at the end: what it is shown is no delivery."""


class Counts(Struct):
    """What happened. ``delivered``, ``recovered`` and ``gaps`` add up over all subscribers."""

    sent: int = 0
    acknowledged: int = 0
    refused: int = 0
    delivered: int = 0
    recovered: int = 0
    gaps: int = 0
    skips: int = 0
    reconnections: int = 0

    @property
    def unanswered(self) -> int:
        """Messages that may have been published or not."""
        return self.sent - self.acknowledged - self.refused


class Score:
    """Counts a history while it grows."""

    def __init__(self) -> None:
        self.counts = Counts()
        self._counted = 0

    def follow(self, history: Sequence[Operation]) -> Counts:
        """``history`` so far: only what came since the last look is read."""
        for index in range(self._counted, len(history)):
            self._take(history[index])
        self._counted = len(history)
        return self.counts

    def _take(self, operation: Operation) -> None:
        counts = self.counts
        match operation:
            case Invoked():
                counts.sent += 1
            case Acknowledged():
                counts.acknowledged += 1
            case Failed():
                counts.refused += 1
            case Seen() if operation.subscriber != AUDITOR:
                self._see(operation)

    def _see(self, seen: Seen) -> None:
        counts = self.counts
        match seen:
            case Received(how="live"):
                counts.delivered += seen.message is not None
            case Received():
                counts.recovered += seen.message is not None
            case Gapped() | Subscribed(recovery="gap"):
                counts.gaps += 1
            case Skipped():
                counts.skips += 1
            case Asked(since=since) if since is not None:
                counts.reconnections += 1


class Broken(Struct, frozen=True):
    """How often which kind of promise was broken."""

    lost: int
    """Entries that one subscriber never got and nobody said so, and acknowledged ones that are
    not in the log."""

    duplicated: int
    reordered: int
    unannounced: int
    """The log changed under its readers, or a recovery was called complete and was not."""

    unasked: int
    """What nobody sent, asked for or may see."""


def broken(violations: Iterable[Violation]) -> Broken:
    """``violations`` by what a user would call them."""
    sums = dict.fromkeys(Broken.__struct_fields__, 0)
    for each in violations:
        name, count = _name(each)
        sums[name] += count
    return Broken(**sums)


def _name(violation: Violation) -> tuple[str, int]:
    match violation:
        case found.Hole():
            return "lost", violation.last - violation.first + 1
        case found.Missing():
            return "lost", 1
        case found.Duplicate():
            return "duplicated", 1
        case found.Disordered() | found.SenderDisordered():
            return "reordered", 1
        case found.Regressed() | found.Diverged() | found.FalselyComplete():
            return "unannounced", 1
        case _:
            return "unasked", 1
