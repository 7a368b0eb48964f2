"""Latest per key: what is set, removed and expires, and how much there may be of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.publications import entry
from tidewire.history import Latest, latest
from tidewire.history.latest import cost_of
from tidewire.messages import Publication


def _set(seq: int, key: str, data: str = "1", expires_at: int | None = None) -> Publication:
    return entry(seq, key=key, data=data, expires_at=expires_at)


def _remove(seq: int, key: str) -> Publication:
    return entry(seq, key=key, op="remove")


def _apply(*entries: Publication) -> Latest:
    kept = Latest()
    for each in entries:
        kept.apply(each)
    return kept


def _seqs(kept: Latest) -> list[int]:
    return [each.seq for each in kept.entries]


def test_the_latest_entry_of_each_key_is_kept_by_rising_seq() -> None:
    assert _seqs(_apply(_set(1, "a"), _set(2, "b"), _set(3, "a"))) == [2, 3]


def test_a_key_that_is_removed_is_gone_and_one_that_was_not_there_is_no_matter() -> None:
    assert _seqs(_apply(_set(1, "a"), _set(2, "b"), _remove(3, "a"), _remove(4, "c"))) == [2]


def test_a_key_is_gone_when_its_end_has_come_and_not_before() -> None:
    kept = _apply(_set(1, "a", expires_at=100), _set(2, "b"))
    kept.expire(99)
    assert _seqs(kept) == [1, 2]
    kept.expire(100)
    assert _seqs(kept) == [2]


def test_a_key_set_again_lasts_until_its_new_end() -> None:
    kept = _apply(_set(1, "a", expires_at=100), _set(2, "a", expires_at=200), _set(3, "b"))
    kept.expire(150)
    assert _seqs(kept) == [2, 3]
    kept.apply(_set(4, "a"))
    kept.expire(999)
    assert _seqs(kept) == [3, 4]


def test_a_new_key_beyond_the_limit_has_no_room_and_a_known_one_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(latest, "MAX_KEYS", 2)
    kept = _apply(_set(1, "a"), _set(2, "b"))
    fits = [kept.has_room(each) for each in (_set(3, "c"), _set(3, "a"), _remove(3, "c"))]
    assert fits == [False, True, True]


def test_an_entry_too_large_has_no_room_and_a_smaller_one_in_its_place_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(latest, "MAX_BYTES", cost_of(_set(1, "a", "12345")))
    kept = _apply(_set(1, "a", "12345"))
    fits = [kept.has_room(_set(2, "a", data)) for data in ("123456", "54321", "1")]
    assert fits == [False, True, True]


def test_a_key_set_over_and_over_leaves_nothing_behind() -> None:
    kept = _apply(*(_set(seq, "a", expires_at=1000 + seq) for seq in range(1, 1000)))
    assert len(kept._ends) < 20
    kept.expire(1998)
    assert _seqs(kept) == [999]


KEYS = st.sampled_from("abc")
STEPS = st.lists(
    st.tuples(st.just("set"), KEYS, st.none() | st.integers(0, 20))
    | st.tuples(st.just("remove"), KEYS, st.none())
    | st.tuples(st.just("expire"), st.just(""), st.integers(0, 20))
)


@given(STEPS)
def test_whatever_happens_it_is_what_a_plain_dictionary_would_be(
    steps: list[tuple[str, str, int | None]],
) -> None:
    kept, plain = Latest(), dict[str, Publication]()
    for seq, (step, key, number) in enumerate(steps, 1):
        if step == "set":
            kept.apply(_set(seq, key, "x" * seq, number))
            plain[key] = _set(seq, key, "x" * seq, number)
        elif step == "remove":
            kept.apply(_remove(seq, key))
            plain.pop(key, None)
        else:
            kept.expire(number or 0)
            ends = ((name, each.expires_at) for name, each in plain.items())
            for name in [name for name, end in ends if end is not None and end <= (number or 0)]:
                del plain[name]
        assert kept.entries == sorted(plain.values(), key=lambda each: each.seq)
        assert kept.bytes == sum(map(cost_of, plain.values()))
