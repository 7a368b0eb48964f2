"""What a room keeps for its slow readers, and what it says of the rest."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.publications import entry
from tidewire.hub import tail as tail_module
from tidewire.hub.tail import Block, Tail, Tails
from tidewire.messages import Publication, Skipped


def _read(tail: Tail, after: int = 0, client: str = "") -> list[int | str]:
    """Everything after ``after``: an entry as its ``seq``, a hole as its reason and ends."""
    blocks = tail.blocks(after, lambda each: each.exclude == client)
    return [_name(item) for block in blocks for item in block.items]


def _name(item: object) -> int | str:
    if isinstance(item, Skipped):
        return f"{item.reason} {item.first}-{item.last}"
    assert isinstance(item, Publication)
    return item.seq


def _dashboard(*keys: str | None) -> Tail:
    tail = Tail(conflates=True)
    tail.add([entry(seq, key=key) for seq, key in enumerate(keys, 1)])
    return tail


def test_only_the_latest_of_each_key_is_kept_and_the_holes_are_said() -> None:
    tail = _dashboard("a", "b", "a", "a", "b", "c")
    assert _read(tail) == ["conflated 1-3", 4, 5, 6]


def test_entries_without_a_key_are_all_kept_in_their_order() -> None:
    assert _read(_dashboard(None, "a", None, "a", None)) == [1, "conflated 2-2", 3, 4, 5]


def test_each_reader_is_told_what_follows_what_it_has_reached() -> None:
    tail = _dashboard("a", "b", "a", "b", "a")
    assert _read(tail, 3) == [4, 5]
    assert _read(tail, 4) == [5]
    assert _read(tail, 5) == []


def test_what_a_reader_has_reached_counts_whichever_key_it_was() -> None:
    tail = _dashboard("a", "b")
    tail.add([entry(3, key="b")])
    assert _read(tail, 1) == ["conflated 2-2", 3]


def test_a_channel_that_drops_the_oldest_keeps_every_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail_module, "MAX_TAIL_ENTRIES", 3)
    tail = Tail(conflates=False)
    tail.add([entry(seq, key="a") for seq in range(1, 6)])
    assert _read(tail) == ["dropped 1-2", 3, 4, 5]


def test_where_more_keys_are_kept_than_may_be_the_oldest_are_dropped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tail_module, "MAX_TAIL_ENTRIES", 2)
    assert _read(_dashboard("a", "b", "c", "b", "d")) == ["dropped 1-3", 4, 5]


def test_a_hole_that_was_dropped_first_and_conflated_then_is_said_in_two(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tail_module, "MAX_TAIL_ENTRIES", 2)
    assert _read(_dashboard("a", "b", "c", "c", "b")) == ["dropped 1-1", "conflated 2-3", 4, 5]


def test_it_is_bounded_in_bytes_and_keeps_the_newest_entry_whatever_its_size(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tail_module, "MAX_TAIL_BYTES", 2_000)
    tail = Tail(conflates=False)
    tail.add([entry(seq, data=f'"{"x" * 600}"') for seq in range(1, 10)])
    assert len(tail) == 2
    tail.add([entry(10, data=f'"{"x" * 10_000}"')])
    assert _read(tail, 8) == ["dropped 9-9", 10]


def test_a_thousand_keys_at_any_rate_stay_a_thousand_entries() -> None:
    tail = Tail(conflates=True)
    for first in range(1, 50_000, 1_000):
        tail.add([entry(first + place, key=f"k{place}") for place in range(1_000)])
    assert len(tail) == 1_000


def test_what_excludes_the_reader_is_left_out_and_said() -> None:
    tail = Tail(conflates=False)
    tail.add([entry(1), entry(2, exclude="c1"), entry(3, exclude="c1"), entry(4, exclude="c2")])
    tail.add([entry(5, exclude="me"), entry(6, exclude="me", client_id="me")])
    assert _read(tail, client="me") == [1, 2, 3, 4, "excluded 5-5", "echo 6-6"]


def test_what_is_read_comes_in_blocks_that_say_how_far_they_reach(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tail_module, "BLOCK_BYTES", 500)
    tail = Tail(conflates=False)
    tail.add([entry(seq) for seq in range(1, 8)])
    blocks = list(tail.blocks(0, lambda each: False))
    assert [(len(each.items), each.reached) for each in blocks] == [(3, 3), (3, 6), (1, 7)]


def _entries(keys: list[str | None]) -> list[Publication]:
    return [entry(seq, key=key) for seq, key in enumerate(keys, 1)]


@given(
    keys=st.lists(st.sampled_from(["a", "b", "c", None]), max_size=60),
    limit=st.integers(1, 20),
    conflates=st.booleans(),
    data=st.data(),
)
def test_entries_and_holes_together_are_all_that_followed_in_order(
    keys: list[str | None], limit: int, conflates: bool, data: Any
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tail_module, "MAX_TAIL_ENTRIES", limit)
        tail = Tail(conflates=conflates)
        for each in _entries(keys):
            tail.add([each])
    after = data.draw(st.integers(0, len(keys)))
    assert len(tail) <= limit
    assert _covered(list(tail.blocks(after, lambda each: False))) == list(
        range(after + 1, len(keys) + 1)
    )


def _covered(blocks: list[Block]) -> list[int]:
    """Every ``seq`` that was told or explained."""
    told: list[int] = []
    for item in (item for block in blocks for item in block.items):
        if isinstance(item, Skipped):
            told.extend(range(item.first, item.last + 1))
        elif isinstance(item, Publication):
            told.append(item.seq)
    return told


# --- all rooms together -----------------------------------------------------------------------


def _grown(tails: Tails, *seqs: int) -> Tail:
    tail = Tail(conflates=False)
    tails.add(tail, [entry(seq) for seq in seqs])
    return tail


def test_over_the_total_the_tail_that_grew_least_lately_gives_up_its_oldest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tails = Tails()
    quiet, busy = _grown(tails, 1, 2, 3), _grown(tails, 1)
    monkeypatch.setattr(tail_module, "MAX_TOTAL_BYTES", tails.bytes)
    tails.add(busy, [entry(2), entry(3)])
    assert (_read(quiet), _read(busy)) == (["dropped 1-2", 3], [1, 2, 3])


def test_the_newest_of_each_tail_stays_since_readers_have_to_learn_how_far_the_log_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tail_module, "MAX_TOTAL_BYTES", 0)
    tails = Tails()
    assert [_read(_grown(tails, 1, 2)) for _ in range(3)] == [["dropped 1-1", 2]] * 3


def test_a_tail_that_nobody_needs_counts_no_longer() -> None:
    tails = Tails()
    one, _ = _grown(tails, 1, 2), _grown(tails, 1)
    tails.forget(one)
    tails.forget(one)
    assert (len(tails), tails.bytes) == (1, _grown(Tails(), 1).bytes)
