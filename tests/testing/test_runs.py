"""What one subscriber is shown of one channel, step by step."""

from __future__ import annotations

import pytest

from tidewire.messages import Position, Recovery
from tidewire.testing import violations as found
from tidewire.testing.history import (
    Asked,
    Disconnected,
    Gapped,
    Message,
    Received,
    Seen,
    Skipped,
    Subscribed,
    Unsubscribed,
)
from tidewire.testing.runs import Reader
from tidewire.testing.violations import Violation


def _live(*seqs: int, epoch: str = "e", log: str = "t") -> list[Seen]:
    return [
        Received("room", "ann", "live", epoch, seq, f"{log}{seq}", Message(log, seq))
        for seq in seqs
    ]


def _recovered(*seqs: int) -> list[Seen]:
    return [
        Received("room", "ann", "recovered", "e", seq, f"t{seq}", Message("t", seq)) for seq in seqs
    ]


def _answer(seq: int, recovery: Recovery = "none", epoch: str = "e", tag: str = "") -> Seen:
    position = Position(epoch, seq, tag or (f"t{seq}" if seq else ""))
    return Subscribed("room", "ann", position, recovery)


def _ask(seq: int) -> Seen:
    return Asked("room", "ann", Position("e", seq, f"t{seq}" if seq else ""))


GONE = Disconnected("room", "ann")


def _read(*steps: Seen | list[Seen]) -> tuple[list[Violation], Reader]:
    reader = Reader("ann", "room")
    wrong: list[Violation] = []
    for step in steps:
        for seen in step if isinstance(step, list) else [step]:
            wrong.extend(reader.read(seen))
    return wrong, reader


def _kinds(wrong: list[Violation]) -> list[type[Violation]]:
    return [type(each) for each in wrong]


def test_a_run_goes_on_through_a_disconnection_and_a_complete_recovery() -> None:
    wrong, reader = _read(
        _answer(3), _live(4, 5), GONE, _ask(5), _recovered(6, 7), _answer(7, "complete"), _live(8)
    )
    assert wrong == []
    (run,) = reader.runs
    assert (run.start, run.top, run.holes(run.start, run.top)) == (3, 8, [])


def test_a_recovery_that_repeats_what_was_seen_is_a_duplicate() -> None:
    wrong, _ = _read(
        _answer(3), _live(4, 5), GONE, _ask(5), _recovered(5, 6), _answer(6, "complete")
    )
    assert _kinds(wrong) == [found.Duplicate]


def test_the_same_message_at_another_place_is_a_duplicate() -> None:
    again = Received("room", "ann", "live", "e", 5, "t5", Message("t", 4))
    wrong, _ = _read(_answer(3), _live(4), again)
    assert [str(each) for each in wrong] == [
        "duplicate: ann received room 5 (t/4) after it came at 4"
    ]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (_answer(5, "complete", epoch="f"), "the epoch is another, f"),
        (_answer(4, "complete"), "that is before it"),
        (_answer(5, "complete", tag="x"), "another entry stands there, x"),
        (_answer(7, "complete"), "entries 6 to 7 did not come"),
    ],
)
def test_an_answer_that_contradicts_itself_is_not_complete(answer: Seen, why: str) -> None:
    wrong, _ = _read(_answer(3), _live(4, 5), GONE, _ask(5), answer)
    (claim,) = wrong
    assert isinstance(claim, found.FalselyComplete)
    assert claim.why == why


def test_who_asks_again_while_live_has_the_past_put_before_the_present() -> None:
    wrong, reader = _read(
        _answer(5), _ask(2), _live(6), _recovered(3, 4), _live(7), _recovered(5),
        _answer(5, "complete"), _live(8),
    )  # fmt: skip
    assert wrong == []
    (run,) = reader.runs
    assert (run.start, run.top, run.holes(run.start, run.top)) == (2, 8, [])


def test_an_announced_gap_ends_a_run_and_takes_it_back() -> None:
    wrong, reader = _read(_answer(3), _live(4), Gapped("room", "ann", Position("e", 9)), _live(10))
    assert wrong == []
    assert [(run.top, run.is_void) for run in reader.runs] == [(4, True), (10, False)]


def test_a_gap_after_complete_pages_leaves_the_pages_true() -> None:
    wrong, reader = _read(_answer(3), GONE, _ask(3), _recovered(4, 5), _answer(9, "gap"), _live(10))
    assert wrong == []
    assert [sorted(run.entries) for run in reader.runs] == [[4, 5], [10]]


def test_what_is_skipped_is_no_hole_and_the_next_entry_follows_it() -> None:
    wrong, reader = _read(_answer(3), _live(4), Skipped("room", "ann", 5, 7), _live(8))
    assert wrong == []
    (run,) = reader.runs
    assert run.holes(run.start, run.top) == []


def test_the_latest_few_on_request_come_before_what_is_live() -> None:
    wrong, reader = _read(Asked("room", "ann"), _recovered(4, 5), _answer(5), _live(6))
    assert wrong == []
    assert (reader.runs[0].start, reader.runs[0].top) == (3, 6)


@pytest.mark.parametrize("end", [GONE, Unsubscribed("room", "ann")])
def test_an_entry_after_the_subscription_ended_was_not_asked_for(end: Seen) -> None:
    wrong, _ = _read(_answer(3), end, _live(4))
    assert _kinds(wrong) == [found.Unasked]


def test_an_entry_of_another_epoch_than_subscribed_was_not_asked_for() -> None:
    wrong, _ = _read(_answer(3), _live(4, epoch="f"))
    assert _kinds(wrong) == [found.Unasked]


def test_a_log_that_goes_back_is_said_to_once() -> None:
    wrong, reader = _read(_answer(3), _live(4, 5, 6), _live(5, 6, 7, log="n"))
    assert [str(each) for each in wrong] == [
        "regression: room was at 6 for ann, and then another entry came at 5 under the same epoch e"
    ]
    assert [run.top for run in reader.runs] == [6, 7]
