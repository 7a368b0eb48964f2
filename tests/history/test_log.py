"""The log, and the whole of the recovery decision."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.publications import entry
from tidewire.history import Gap, Log, Query, Replay
from tidewire.messages import Position


def _log(length: int, *, size: int = 10, epoch: str = "first") -> Log:
    log = Log(epoch, size)
    for seq in range(1, length + 1):
        log.append(entry(seq))
    return log


def _seqs(found: Replay | Gap) -> list[int] | str:
    return "gap" if isinstance(found, Gap) else [each.seq for each in found.entries]


def _since(log: Log, position: Position) -> list[int] | str:
    return _seqs(log.read(Query(since=position)))


def _expire(log: Log, count: int) -> None:
    for _ in range(count):
        log.drop_oldest()


# --- the decision: a log of 12 that keeps the entries 3 to 12 ---------------------------------


@pytest.mark.parametrize(
    ("position", "told"),
    [
        pytest.param(Position("first", 12, "t12"), [], id="at the head"),
        pytest.param(Position("first", 12), [], id="at the head, without a tag"),
        pytest.param(Position("first", 12, "other"), "gap", id="at the head, another's tag"),
        pytest.param(Position("first", 10, "t10"), [11, 12], id="inside"),
        pytest.param(Position("first", 10), [11, 12], id="inside, without a tag"),
        pytest.param(Position("first", 10, "other"), "gap", id="inside, another's tag"),
        pytest.param(Position("first", 3, "t3"), [*range(4, 13)], id="at the oldest"),
        pytest.param(Position("first", 2), [*range(3, 13)], id="all that is kept"),
        pytest.param(Position("first", 2, "t2"), "gap", id="its tag can no longer be checked"),
        pytest.param(Position("first", 1, "t1"), "gap", id="what follows has left"),
        pytest.param(Position("first", 0), "gap", id="from the start, which has left"),
        pytest.param(Position("first", 13, "t13"), "gap", id="ahead"),
        pytest.param(Position("first", 2**53 - 1), "gap", id="far ahead"),
        pytest.param(Position("other", 12, "t12"), "gap", id="another epoch"),
        pytest.param(Position("", 12, "t12"), "gap", id="no epoch"),
    ],
)
def test_a_reader_gets_exactly_what_it_missed_or_is_told_of_a_gap(
    position: Position, told: list[int] | str
) -> None:
    """Catalogue 77 and 78."""
    assert _since(_log(12), position) == told


def test_a_reader_from_the_start_of_a_whole_log_gets_all_of_it() -> None:
    assert _since(_log(3), Position("first", 0)) == [1, 2, 3]


def test_a_tag_where_there_is_no_entry_names_nothing() -> None:
    assert _since(_log(3), Position("first", 0, "forged")) == "gap"
    assert _since(_log(0), Position("first", 0, "forged")) == "gap"


def test_an_empty_log_has_nothing_to_tell_whoever_saw_nothing() -> None:
    assert _since(_log(0), Position("first", 0)) == []


def test_a_log_whose_entries_have_expired_still_knows_where_it_is() -> None:
    log = _log(3)
    _expire(log, 3)
    assert log.head == Position("first", 3, "t3")
    assert _since(log, Position("first", 3, "t3")) == []
    assert _since(log, Position("first", 3, "other")) == "gap"
    assert _since(log, Position("first", 2, "t2")) == "gap"


def test_a_log_that_keeps_nothing_knows_only_its_head() -> None:
    log = _log(3, size=0)
    assert len(log) == 0
    assert _since(log, Position("first", 3, "t3")) == []
    assert _since(log, Position("first", 2)) == "gap"


def test_an_entry_that_has_to_leave_is_answered_so_that_it_can_be_accounted_for() -> None:
    assert Log("first", 0).append(entry(1)) == entry(1)
    assert _log(2, size=2).append(entry(3)) == entry(1)
    assert _log(1, size=2).append(entry(2)) is None


def test_the_latest_entries_come_oldest_first() -> None:
    log = _log(5)
    assert _seqs(log.read(Query(limit=2))) == [4, 5]
    assert _seqs(log.read(Query(limit=99))) == [1, 2, 3, 4, 5]
    assert _seqs(log.read(Query(limit=0))) == []
    assert _seqs(log.read(Query(limit=2, newest_first=True))) == [5, 4]


# --- generated --------------------------------------------------------------------------------


@given(
    size=st.integers(0, 5),
    steps=st.lists(st.sampled_from(["append", "expire"]), max_size=30),
    seq=st.integers(0, 32),
    tagged=st.booleans(),
)
def test_whatever_happens_a_replay_is_complete_and_a_gap_has_a_reason(
    size: int, steps: list[str], seq: int, tagged: bool
) -> None:
    log, kept, head = Log("first", size), list[int](), 0
    for step in steps:
        if step == "append":
            head += 1
            log.append(entry(head))
            kept = [*kept, head][max(0, len(kept) + 1 - size) :]
        elif kept:
            assert log.drop_oldest().seq == kept.pop(0)
    position = Position("first", seq, f"t{seq}" if tagged and seq else "")
    is_known = not position.tag or seq == head or seq in kept
    missed = list(range(seq + 1, head + 1))
    can_be_told = seq <= head and is_known and set(missed) <= set(kept)
    assert _since(log, position) == (missed if can_be_told else "gap")


@given(shared=st.integers(0, 8), lost=st.integers(1, 8), regrown=st.integers(0, 16))
def test_a_position_in_a_log_that_was_rewound_and_grew_again_is_always_a_gap(
    shared: int, lost: int, regrown: int
) -> None:
    """Catalogue 78 and 85: the same epoch, other entries at the same ``seq``."""
    log = _log(shared, size=100)
    for seq in range(shared + 1, shared + regrown + 1):
        log.append(entry(seq, f"after{seq}"))
    for seen in range(shared + 1, shared + lost + 1):
        assert _since(log, Position("first", seen, f"t{seen}")) == "gap"
