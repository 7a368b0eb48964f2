"""What waits for a reader that is behind: bounded, and nothing is left out in silence."""

from __future__ import annotations

import pytest

from tests.support.arrivals import CHANNEL, at, entry, shown
from tidewire.client.buffer import OVERFLOW, Buffer
from tidewire.client.events import Gap, Signal
from tidewire.client.stream import Delivery

GAP = Gap(CHANNEL, at(9))


def _fill(buffer: Buffer, *seqs: int, key: str | None = None) -> None:
    for seq in seqs:
        buffer.put(Delivery(entry(seq, key), "e1", "live"))


def _all(buffer: Buffer) -> list[object]:
    items = []
    while (item := buffer.take()) is not None:
        items.append(item)
    return shown(items)  # type: ignore[arg-type]


def test_unless_told_otherwise_it_asks_to_stop_reading_when_it_is_full() -> None:
    buffer, fullness = Buffer("wait", 2), []
    for seq in (1, 2):
        _fill(buffer, seq)
        fullness.append(buffer.is_full)
    assert fullness == [False, True]
    assert _all(buffer) == [1, 2]


def test_there_is_an_end_to_what_it_takes_while_an_answer_is_waited_for() -> None:
    buffer = Buffer("wait", 2)
    _fill(buffer, *range(2 * OVERFLOW))
    assert buffer.is_overflowing


def test_the_oldest_are_left_out_and_that_is_said_first() -> None:
    buffer = Buffer("drop_oldest", 2)
    _fill(buffer, 1, 2, 3, 4)
    assert not buffer.is_full
    assert _all(buffer) == [(1, 2), 3, 4]


def test_a_gap_is_told_even_where_everything_around_it_is_left_out() -> None:
    buffer = Buffer("drop_oldest", 2)
    _fill(buffer, 1)
    buffer.put(GAP)
    _fill(buffer, 10, 11, 12)
    assert ("gap", 9) in _all(buffer)


def test_the_latest_of_each_key_is_kept() -> None:
    buffer = Buffer("latest", 10)
    _fill(buffer, 1, 3, key="eur")
    _fill(buffer, 4, key="usd")
    _fill(buffer, 5, key="eur")
    assert _all(buffer) == [(1, 3), 4, 5]


def test_without_keys_the_latest_of_all_is_kept() -> None:
    buffer = Buffer("latest", 10)
    _fill(buffer, 1, 2, 3)
    assert _all(buffer) == [(1, 2), 3]


@pytest.mark.parametrize("policy", ["wait", "drop_oldest", "latest"])
def test_news_is_left_out_first(policy: str) -> None:
    buffer = Buffer(policy, 1)  # type: ignore[arg-type]
    _fill(buffer, 1)
    buffer.put(Signal(CHANNEL, "typing", None, "ann", "c1"))
    assert _all(buffer) == [1]
