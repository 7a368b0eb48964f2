"""Which few there is most of, in bounded memory."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from tidewire.heavy_hitters import SAMPLED, WINDOW_S, HeavyHitters, Traffic


def test_few_keys_are_counted_exactly() -> None:
    hitters = HeavyHitters(4)
    for key in "abacab":
        hitters.add(key)
    assert [(each.key, each.count, each.error) for each in hitters.top(2)] == [
        ("a", 3, 0),
        ("b", 2, 0),
    ]


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 9)), max_size=400))
def test_a_heavy_key_is_never_missed_and_its_count_is_right_within_the_error(
    stream: list[tuple[int, int]],
) -> None:
    hitters, truth = HeavyHitters(8), Counter[str]()
    for number, weight in stream:
        hitters.add(str(number), weight)
        truth[str(number)] += weight
    told = {each.key: each for each in hitters.top(100)}
    for key, count in truth.items():
        assert key in told or count <= truth.total() / 8
    for key, each in told.items():
        assert each.count - each.error <= truth[key] <= each.count


def test_a_million_new_keys_take_no_more_room_than_a_thousand() -> None:
    hitters = HeavyHitters(100)
    for number in range(10_000):
        hitters.add(f"stranger {number}")
        hitters.add("the one")
    assert len(hitters) < 200
    assert hitters.top(1)[0].key == "the one"


def test_what_is_told_is_of_the_last_two_windows() -> None:
    traffic = Traffic(gap=lambda: 1)
    traffic.turn(5.0)
    traffic.sample("ada", "lobby", "192.0.2.1", 100)
    for now, count in ((5.0 + WINDOW_S, SAMPLED), (5.0 + 2 * WINDOW_S, 0)):
        traffic.turn(now)
        assert traffic.seconds(now) == WINDOW_S
        tops = {(s, m): [each.count for each in found] for s, m, found in traffic.tops(5)}
        assert tops["users", "messages"] == ([count] if count else [])


def test_messages_and_bytes_are_told_by_user_channel_and_address() -> None:
    traffic = Traffic(gap=lambda: 1)
    traffic.sample("ada", "lobby", "192.0.2.1", 100)
    traffic.error("ada", "", "192.0.2.1")
    tops = {(s, m): {each.key: each.count for each in found} for s, m, found in traffic.tops(5)}
    assert tops["addresses", "bytes"] == {"192.0.2.1": 100 * SAMPLED}
    assert tops["users", "errors"] == {"ada": 1}
    assert tops["channels", "errors"] == {}, "a command that names no channel is nobody's"
