"""Runs: the stretches of a channel's log that subscribers were shown, put together again.

A run begins where a subscriber went live or recovered from, goes on through live
entries, disconnections and complete recoveries, and ends where the server
announced a gap. Within one run nothing may be missing, twice or out of order:
``Reader`` follows one subscriber in one channel and says so where it is.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from tidewire.messages import Position
from tidewire.testing import violations as found
from tidewire.testing.history import (
    Acknowledged,
    Asked,
    Barred,
    Disconnected,
    Gapped,
    Message,
    Received,
    Seen,
    Skipped,
    Subscribed,
    Unsubscribed,
)
from tidewire.testing.violations import Violation


class Entry(Struct, frozen=True):
    """What a place of the log holds, as far as it can be compared."""

    tag: str
    message: Message | None


class Run:
    """One stretch of a log, as one subscriber was shown it.

    ``start`` is the place before its first entry, ``top`` the place up to which it
    claims to be whole. ``is_void``: an announced gap told the subscriber to forget it.
    """

    def __init__(self, subscriber: str, channel: str, start: Position) -> None:
        self.subscriber = subscriber
        self.channel = channel
        self.epoch = start.epoch
        self.start = start.seq
        self.top = start.seq
        self.top_tag = start.tag
        self.entries: dict[int, Entry] = {}
        self.is_void = False
        self._places: dict[Message, int] = {}
        self._announced: list[tuple[int, int]] = []

    def take(self, seen: Received) -> Violation | None:
        """The next entry, and what is wrong with that."""
        entry = Entry(seen.tag, seen.message)
        wrong = self._look_at(seen, entry)
        self.entries.setdefault(seen.seq, entry)
        if seen.message is not None:
            self._places.setdefault(seen.message, seen.seq)
        self.reach(seen.seq, seen.tag)
        return wrong

    def _look_at(self, seen: Received, entry: Entry) -> Violation | None:
        seq, reader = seen.seq, self.subscriber
        before = self.entries.get(seq)
        if before is not None and before != entry:
            return found.Regressed(self.channel, reader, self.epoch, seq, self.top)
        first = seq if before is not None else self._place_of(seen.message)
        if first is not None:
            return found.Duplicate(self.channel, reader, self.epoch, seq, first, seen.message)
        if seq <= self.start:
            return found.Regressed(self.channel, reader, self.epoch, seq, self.top)
        if seq <= self.top:
            return found.Disordered(self.channel, reader, self.epoch, seq, self.top)
        return None

    def _place_of(self, message: Message | None) -> int | None:
        return None if message is None else self._places.get(message)

    def reach(self, seq: int, tag: str) -> None:
        """It is whole up to here, says the server."""
        if seq > self.top:
            self.top, self.top_tag = seq, tag

    def skip(self, first: int, last: int) -> None:
        """These were left out on purpose, or their absence has been found already."""
        self._announced.append((first, last))
        self.reach(last, "")

    def ends_at(self, position: Position) -> bool:
        is_same_tag = self.top_tag == position.tag or not (self.top_tag and position.tag)
        return self.epoch == position.epoch and self.top == position.seq and is_same_tag

    def holes(self, after: int, upto: int) -> list[tuple[int, int]]:
        """The stretches between ``after`` and ``upto`` that never came and were not announced."""
        known = [*((seq, seq) for seq in self.entries), *self._announced]
        holes, expected = [], after + 1
        for first, last in sorted(known):
            if first > upto:
                break
            if first > expected:
                holes.append((expected, first - 1))
            expected = max(expected, last + 1)
        if expected <= upto:
            holes.append((expected, upto))
        return holes


class Claim(Struct, frozen=True):
    """A server said "complete": this run holds all that followed ``since``."""

    run: Run
    since: Position
    answered: Position
    owed: Acknowledged | None
    """The highest entry that had been acknowledged before it asked."""


class Reader:
    """One subscriber in one channel, operation by operation."""

    def __init__(self, subscriber: str, channel: str) -> None:
        self.runs: list[Run] = []
        self.claims: list[Claim] = []
        self.received: list[Received] = []
        self.owed: Acknowledged | None = None
        """Set by whoever knows, when the subscriber asks."""
        self._subscriber = subscriber
        self._channel = channel
        self._run: Run | None = None
        self._is_live = False
        self._is_barred = False
        self._since: Position | None = None
        self._recovered: list[Received] = []

    def read(self, seen: Seen) -> Iterator[Violation]:
        """Take in the next operation; what is wrong with it."""
        match seen:
            case Received():
                yield from self._receive(seen)
            case Subscribed():
                yield from self._subscribe(seen)
            case Asked():
                self._since, self._recovered = seen.since, []
            case Skipped():
                if self._run is not None and self._is_live:
                    self._run.skip(seen.first, seen.last)
            case Gapped():
                self._begin_anew(seen.position)
            case Unsubscribed() | Disconnected():
                self._is_live, self._recovered = False, []
            case Barred():
                self._is_barred = True

    # -- entries -------------------------------------------------------------------------------

    def _receive(self, seen: Received) -> Iterator[Violation]:
        self.received.append(seen)
        if self._is_barred:
            yield self._unauthorised(f"received entry {seen.seq}")
        if seen.how == "recovered":
            self._recovered.append(seen)
        elif self._run is None or not self._is_live or self._run.epoch != seen.epoch:
            yield found.Unasked(self._channel, self._subscriber, seen.seq)
        else:
            yield from self._take(self._run, seen)

    def _take(self, run: Run, seen: Received) -> Iterator[Violation]:
        wrong = run.take(seen)
        if wrong is not None:
            yield wrong
        if isinstance(wrong, found.Regressed):  # said once: what follows is another log's
            self._run = self._open(Position(run.epoch, seen.seq, seen.tag))
            self._run.entries[seen.seq] = Entry(seen.tag, seen.message)

    # -- subscriptions -------------------------------------------------------------------------

    def _subscribe(self, seen: Subscribed) -> Iterator[Violation]:
        if self._is_barred:
            yield self._unauthorised("the subscription was accepted")
        since, self._since = self._since, None
        recovered, self._recovered = self._recovered, []
        if seen.recovery == "complete" and since is not None:
            yield from self._recover(since, seen.position, recovered)
        elif seen.recovery == "gap":
            yield from self._lose(since, seen.position, recovered)
        elif not self._is_live:
            self._run = self._open(_before(recovered) or seen.position)
            yield from self._take_all(self._run, recovered)
            self._run.reach(seen.position.seq, seen.position.tag)
        self._is_live = True

    def _recover(
        self, since: Position, answered: Position, recovered: list[Received]
    ) -> Iterator[Violation]:
        """What followed ``since`` came, it is said: look whether it did."""
        why = _contradiction(since, answered)
        if why is not None:
            yield self._falsely_complete(since, answered, why)
            self._run = self._open(answered)
            return
        run = self._run_from(since)
        yield from self._take_all(run, recovered)
        run.reach(answered.seq, answered.tag)
        owed = None if self._is_live else self.owed  # who is live has later entries coming
        self.claims.append(Claim(run, since, answered, owed))
        for first, last in run.holes(since.seq, answered.seq):
            why = f"{found.places(first, last)} did not come"
            yield self._falsely_complete(since, answered, why)
            run.skip(first, last)  # found: no hole beside

    def _run_from(self, since: Position) -> Run:
        """The run that goes on from ``since``."""
        run = self._run
        if run is not None and self._is_live and run.epoch == since.epoch:
            run.start = min(run.start, since.seq)  # asked again: the past is put before it
            return run
        if run is None or not run.ends_at(since):
            run = self._run = self._open(since)
        return run

    def _lose(
        self, since: Position | None, position: Position, recovered: list[Received]
    ) -> Iterator[Violation]:
        """A gap. The pages before it count as what came."""
        run = self._run
        if run is not None and since is not None and run.ends_at(since):
            yield from self._take_all(run, recovered)
        self._begin_anew(position)

    def _take_all(self, run: Run, recovered: list[Received]) -> Iterator[Violation]:
        reached = run.start if self._is_live else run.top
        for seen in recovered:
            wrong = run.take(seen)
            is_late = isinstance(wrong, found.Disordered) and seen.seq > reached
            if wrong is not None and not is_late:  # lower than what came live is no wonder
                yield wrong
            reached = max(reached, seen.seq)

    def _begin_anew(self, position: Position) -> None:
        """The subscriber has been told that what it saw no longer counts."""
        if self._run is not None:
            self._run.is_void = True
        self._run = self._open(position)

    def _open(self, start: Position) -> Run:
        run = Run(self._subscriber, self._channel, start)
        self.runs.append(run)
        return run

    # -- words ---------------------------------------------------------------------------------

    def _unauthorised(self, what: str) -> Violation:
        return found.Unauthorised(self._channel, self._subscriber, what)

    def _falsely_complete(self, since: Position, answered: Position, why: str) -> Violation:
        return found.FalselyComplete(self._channel, self._subscriber, since, answered, why)


def _before(recovered: list[Received]) -> Position | None:
    """Where a log stood before the first of these."""
    if not recovered:
        return None
    first = recovered[0]
    return Position(first.epoch, max(0, first.seq - 1))


def _contradiction(since: Position, answered: Position) -> str | None:
    """Why the answer alone cannot be complete."""
    if answered.epoch != since.epoch:
        return f"the epoch is another, {answered.epoch}"
    if answered.seq < since.seq:
        return "that is before it"
    if answered.seq == since.seq and since.tag and answered.tag not in ("", since.tag):
        return f"another entry stands there, {answered.tag}"
    return None
