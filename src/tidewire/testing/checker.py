"""The history checker: what publishers did and subscribers saw in, broken promises out.

    violations = check(history)
    assert not violations, "\n".join(map(str, violations))

Pure: no server, no clock. It believes nothing but the history, so it judges any
server that speaks of epochs and seqs. ``docs/explanation/promises.md`` says what is
promised, ``violations`` what can be found; a message whose outcome is unknown may be
there or not. An engine that may lose acknowledged entries when it fails over is
judged by leaving out ``Missing``: everything else has to hold even then.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import combinations, pairwise
from typing import TypeAlias

from tidewire.testing.history import (
    Acknowledged,
    Asked,
    Failed,
    Invoked,
    Message,
    Operation,
    Seen,
)
from tidewire.testing.runs import Claim, Entry, Reader, Run
from tidewire.testing.violations import (
    Diverged,
    FalselyComplete,
    Hole,
    Missing,
    Phantom,
    SenderDisordered,
    Violation,
)


def check(history: Iterable[Operation]) -> list[Violation]:
    """Every broken promise that ``history`` proves; what subscribers experienced comes first."""
    experiment = _Experiment()
    experienced = [wrong for operation in history for wrong in experiment.take(operation)]
    return [*experienced, *experiment.conclude()]


Log: TypeAlias = tuple[str, str]
"""A channel, and an epoch of it."""


class _Experiment:
    """A whole history, sorted by what it is about."""

    def __init__(self) -> None:
        self._readers: dict[tuple[str, str], Reader] = {}
        self._invoked: dict[Message, str] = {}
        self._failed: set[Message] = set()
        self._acknowledged: dict[Log, list[Acknowledged]] = defaultdict(list)
        self._highest: dict[Log, Acknowledged] = {}

    def take(self, operation: Operation) -> Iterable[Violation]:
        match operation:
            case Invoked():
                self._invoked[operation.message] = operation.channel
            case Failed():
                self._failed.add(operation.message)
            case Acknowledged():
                self._acknowledge(operation)
            case Seen():
                return self._follow(operation)
        return ()

    def _acknowledge(self, operation: Acknowledged) -> None:
        log = (operation.channel, operation.position.epoch)
        self._acknowledged[log].append(operation)
        highest = self._highest.get(log)
        if highest is None or highest.position.seq < operation.position.seq:
            self._highest[log] = operation

    def _follow(self, seen: Seen) -> Iterator[Violation]:
        who = (seen.subscriber, seen.channel)
        reader = self._readers.get(who)
        if reader is None:
            reader = self._readers[who] = Reader(*who)
        if isinstance(seen, Asked) and seen.since is not None:
            reader.owed = self._highest.get((seen.channel, seen.since.epoch))
        return reader.read(seen)

    # -- what only the whole history shows -----------------------------------------------------

    def conclude(self) -> Iterator[Violation]:
        runs = [run for reader in self._readers.values() for run in reader.runs]
        claims = [claim for reader in self._readers.values() for claim in reader.claims]
        for run in runs:
            yield from self._holes(run)
        yield from self._phantoms()
        for log, shown in _by_log(runs).items():
            yield from _divergences(shown)
            yield from _false_claims([each for each in claims if each.run in shown], shown)
            yield from self._missing(log, shown)
        yield from _beyond_the_end(claims)
        for acknowledged in self._acknowledged.values():
            yield from _sender_disorder(acknowledged)

    def _holes(self, run: Run) -> Iterator[Violation]:
        acknowledged = self._acknowledged[run.channel, run.epoch]
        for first, last in run.holes(run.start, run.top):
            lost = tuple(
                each.message for each in acknowledged if first <= each.position.seq <= last
            )
            yield Hole(run.channel, run.subscriber, run.epoch, first, last, lost)

    def _phantoms(self) -> Iterator[Violation]:
        for (subscriber, channel), reader in self._readers.items():
            for seen in reader.received:
                if seen.message is not None and (why := self._why_phantom(seen.message, channel)):
                    yield Phantom(channel, subscriber, seen.seq, seen.message, why)

    def _why_phantom(self, message: Message, channel: str) -> str | None:
        sent_to = self._invoked.get(message)
        if sent_to is None:
            return "nobody sent"
        if sent_to != channel:
            return f"was sent to {sent_to}"
        return "was refused" if message in self._failed else None

    def _missing(self, log: Log, runs: list[Run]) -> Iterator[Violation]:
        """One finding for each message: who looked first."""
        for each in self._acknowledged[log]:
            seq = each.position.seq
            lookers = (run for run in runs if not run.is_void and run.start < seq <= run.top)
            for run in lookers:
                entry = run.entries.get(seq)
                if entry is not None and entry.message != each.message:
                    instead = str(entry.message or "an entry of somebody else")
                    yield _missing(each, run.subscriber, instead)
                    break


def _by_log(runs: Iterable[Run]) -> dict[Log, list[Run]]:
    shown: dict[Log, list[Run]] = defaultdict(list)
    for run in runs:
        shown[run.channel, run.epoch].append(run)
    return shown


def _contested(runs: Iterable[Run]) -> list[int]:
    """Places that not everybody saw the same entry at, in order."""
    seen: dict[int, set[Entry]] = defaultdict(set)
    for run in runs:
        for seq, entry in run.entries.items():
            seen[seq].add(entry)
    return sorted(seq for seq, entries in seen.items() if len(entries) > 1)


def _divergences(runs: list[Run]) -> Iterator[Violation]:
    """Pairs of runs that contradict each other, unless one was withdrawn where they part."""
    contested = _contested(runs)
    for one, other in combinations(runs, 2) if contested else ():
        first = next((seq for seq in contested if _disagree(one, other, seq)), None)
        is_withdrawn = one.is_void or other.is_void
        if first is not None and not (is_withdrawn and not _agree_after(one, other, first)):
            yield Diverged(one.channel, one.epoch, first, one.subscriber, other.subscriber)


def _disagree(one: Run, other: Run, seq: int) -> bool:
    left, right = one.entries.get(seq), other.entries.get(seq)
    return left is not None and right is not None and left != right


def _agree_after(one: Run, other: Run, seq: int) -> bool:
    return any(
        place > seq and other.entries.get(place) == entry for place, entry in one.entries.items()
    )


def _false_claims(claims: Iterable[Claim], runs: list[Run]) -> Iterator[Violation]:
    """Recoveries that went on in a log in which the subscriber's last entry is another one."""
    for claim in claims:
        since, run = claim.since, claim.run
        for other in runs:
            entry = other.entries.get(since.seq)
            is_another = entry is not None and since.tag and entry.tag not in ("", since.tag)
            if is_another and _agree_after(run, other, since.seq):
                why = f"{other.subscriber} saw another entry at {since.seq} of the same log"
                yield FalselyComplete(run.channel, run.subscriber, since, claim.answered, why)
                break


def _beyond_the_end(claims: Iterable[Claim]) -> Iterator[Violation]:
    """Recoveries that ended before what had been acknowledged when they were asked for."""
    for claim in claims:
        if claim.owed is not None and claim.owed.position.seq > claim.answered.seq:
            yield _missing(claim.owed, claim.run.subscriber, "the end of its log before it")


def _missing(acknowledged: Acknowledged, subscriber: str, instead: str) -> Missing:
    message, position = acknowledged.message, acknowledged.position
    return Missing(acknowledged.channel, subscriber, message, position, instead)


def _sender_disorder(acknowledged: Iterable[Acknowledged]) -> Iterator[Violation]:
    """Whatever one publisher sent has to stand in the order of its numbers."""
    in_order = sorted(acknowledged, key=lambda each: each.message)
    for one, other in pairwise(in_order):
        is_same = one.message.publisher == other.message.publisher
        if is_same and one.position.seq > other.position.seq:
            yield SenderDisordered(one.channel, one.message, other.message)
