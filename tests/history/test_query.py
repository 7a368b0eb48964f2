"""What answers a query, decided once for whoever keeps the log."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewire.history import Gap, Query, Span, span_of
from tidewire.messages import MAX_SAFE_INTEGER, Position

FIRST, HEAD = 3, Position("first", 12, "t12")
"""A log of twelve that keeps the entries 3 to 12."""


def _at(seq: int, tag: str = "") -> Position:
    return Position("first", seq, tag)


def _answer(query: Query, first: int = FIRST, head: Position = HEAD) -> list[int] | str:
    span = span_of(query, head, first, lambda seq: f"t{seq}")
    if isinstance(span, Gap):
        return "gap"
    seqs = list(range(span.first, span.last + 1))
    return seqs[::-1] if query.newest_first else seqs


@pytest.mark.parametrize(
    ("query", "told"),
    [
        pytest.param(Query(), [*range(3, 13)], id="everything"),
        pytest.param(Query(limit=2), [11, 12], id="the newest"),
        pytest.param(Query(limit=2, newest_first=True), [12, 11], id="the newest, newest first"),
        pytest.param(Query(limit=0), [], id="nothing"),
        pytest.param(Query(_at(9), limit=2), [10, 11], id="what follows"),
        pytest.param(
            Query(_at(9), limit=2, newest_first=True), [12, 11], id="what follows, newest first"
        ),
        pytest.param(Query(before=_at(6)), [3, 4, 5], id="what precedes"),
        pytest.param(Query(before=_at(6, "t6"), limit=2), [4, 5], id="what just precedes"),
        pytest.param(
            Query(before=_at(6), limit=2, newest_first=True), [5, 4], id="precedes, newest first"
        ),
        pytest.param(Query(before=_at(3, "t3")), [], id="before the oldest there is nothing"),
        pytest.param(Query(before=_at(12, "t12"), limit=1), [11], id="before the head"),
        pytest.param(Query(_at(4), _at(8)), [5, 6, 7], id="between"),
        pytest.param(Query(_at(4), _at(8), limit=2), [5, 6], id="between, the oldest"),
        pytest.param(
            Query(_at(4), _at(8), limit=2, newest_first=True), [7, 6], id="between, newest first"
        ),
        pytest.param(Query(_at(8), _at(4)), [], id="between, the wrong way round"),
        pytest.param(Query(_at(8), _at(8)), [], id="between one and itself"),
    ],
)
def test_a_query_gets_the_entries_it_names(query: Query, told: list[int]) -> None:
    assert _answer(query) == told


@pytest.mark.parametrize(
    "place",
    [
        pytest.param(_at(13), id="ahead"),
        pytest.param(_at(MAX_SAFE_INTEGER), id="far ahead"),
        pytest.param(_at(-1), id="negative"),
        pytest.param(_at(1), id="has left"),
        pytest.param(_at(2, "t2"), id="its tag can no longer be checked"),
        pytest.param(_at(7, "other"), id="another's tag"),
        pytest.param(_at(12, "other"), id="another's tag at the head"),
        pytest.param(Position("other", 7, "t7"), id="another epoch"),
        pytest.param(Position("", 7), id="no epoch"),
    ],
)
@pytest.mark.parametrize("side", ["since", "before"])
def test_a_place_that_is_not_here_is_a_gap_on_either_side(place: Position, side: str) -> None:
    """Catalogue 77 and 78."""
    other = {"since": "before", "before": "since"}[side]
    assert _answer(Query(**{side: place})) == "gap"  # type: ignore[arg-type]
    assert _answer(Query(**{side: place, other: _at(7)})) == "gap"  # type: ignore[arg-type]


def test_the_tag_of_an_entry_that_is_not_kept_is_never_asked_for() -> None:
    asked = list[int]()

    def tag_of(seq: int) -> str:
        asked.append(seq)
        return "another"

    for seq in range(15):
        span_of(Query(_at(seq, f"t{seq}")), HEAD, FIRST, tag_of)
    assert asked == [*range(3, 12)]


PLACES = st.none() | st.integers(0, 12).map(_at)


@given(since=PLACES, before=PLACES, limit=st.none() | st.integers(0, 15), newest=st.booleans())
def test_whatever_is_asked_the_answer_is_what_lies_there_cut_at_one_end(
    since: Position | None, before: Position | None, limit: int | None, newest: bool
) -> None:
    query = Query(since, before, limit, newest_first=newest)
    low = 0 if since is None else since.seq
    high = 99 if before is None else before.seq
    between = [seq for seq in range(1, 13) if low < seq < high]
    keeps_oldest = since is not None and not newest
    count = len(between) if limit is None else min(limit, len(between))
    cut = between[:count] if keeps_oldest else between[len(between) - count :]
    assert _answer(query, first=1) == (cut[::-1] if newest else cut)


def test_an_empty_log_that_has_expired_knows_its_head() -> None:
    expired = Position("first", 12, "t12")
    assert _answer(Query(before=expired), first=13) == []
    assert _answer(Query(since=expired), first=13) == []
    assert isinstance(span_of(Query(_at(11)), expired, 13, str), Gap)
    assert span_of(Query(), Position("first", 0), 1, str) == Span(1, 0)
