"""A history in numbers."""

from __future__ import annotations

from tidewire.messages import Position
from tidewire.testing import violations as found
from tidewire.testing.history import (
    Acknowledged,
    Asked,
    Failed,
    Gapped,
    Invoked,
    Message,
    Operation,
    Received,
    Skipped,
    Subscribed,
    Unknown,
)
from tidewire.testing.score import AUDITOR, Broken, Score, broken

ONE, TWO, THREE = (Message("p1", number) for number in (1, 2, 3))
HERE = Position("e", 1, "t")

HISTORY: list[Operation] = [
    Asked("room", "ann"),
    Invoked("room", ONE),
    Invoked("room", TWO),
    Invoked("room", THREE),
    Acknowledged("room", ONE, HERE),
    Failed("room", TWO),
    Unknown("room", THREE),
    Received("room", "ann", "live", "e", 1, "t", ONE),
    Received("room", "ann", "live", "e", 2, "t", None),
    Asked("room", "ann", HERE),
    Received("room", "ann", "recovered", "e", 3, "t", THREE),
    Subscribed("room", "ann", HERE, "gap"),
    Gapped("room", "ann", HERE),
    Skipped("room", "ann", 4, 5),
]


def test_messages_are_counted_by_how_they_ended() -> None:
    counts = Score().follow(HISTORY)
    ended = (counts.acknowledged, counts.refused, counts.unanswered)
    assert (counts.sent, *ended) == (3, 1, 1, 1)


def test_subscribers_count_what_they_were_shown_and_what_they_were_told() -> None:
    counts = Score().follow(HISTORY)
    assert (counts.delivered, counts.recovered) == (1, 1)  # what others say is not counted
    assert (counts.gaps, counts.skips, counts.reconnections) == (2, 1, 1)


def test_what_the_auditor_reads_at_the_end_is_no_delivery() -> None:
    seen = Received("room", AUDITOR, "recovered", "e", 1, "t", ONE)
    assert Score().follow([seen]).recovered == 0


def test_a_history_that_grows_is_counted_once() -> None:
    score = Score()
    for length in (0, 3, 7, len(HISTORY)):
        score.follow(HISTORY[:length])
    assert score.counts == Score().follow(HISTORY)


def test_violations_are_named_as_a_user_would() -> None:
    wrong = [
        found.Hole("room", "ann", "e", 4, 6),
        found.Missing("room", "ann", ONE, HERE, "nothing"),
        found.Duplicate("room", "ann", "e", 4, 4, ONE),
        found.SenderDisordered("room", ONE, TWO),
        found.Diverged("room", "e", 3, "ann", "bob"),
        found.Phantom("room", "ann", 3, ONE, "nobody sent"),
    ]
    assert broken(wrong) == Broken(4, 1, 1, 1, 1)
