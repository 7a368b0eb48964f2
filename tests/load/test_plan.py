"""A plan is divided without a remainder, and its messages fall due evenly."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import pytest

from tests.load.plans import plan_for


@pytest.mark.parametrize("processes", [1, 2, 3, 7])
def test_processes_share_everybody_among_them(processes: int) -> None:
    plan = plan_for(connections=23, publishers=5, processes=processes)
    shares = range(processes)
    assert sum(plan.subscribers_of(each) for each in shares) == 18
    numbers = sorted(number for each in shares for number in plan.publishers_of(each))
    assert numbers == [0, 1, 2, 3, 4]


def test_all_publishers_together_are_as_even_as_one() -> None:
    plan = plan_for(publishers=3, rate=100, for_s=2)
    due = sorted(us for number in range(3) for us in plan.due_us(number))
    assert len(due) == 200
    assert {later - earlier for earlier, later in pairwise(due)} == {10_000}


@pytest.mark.parametrize("size", [64, 128, 5000])
def test_a_message_is_as_long_as_planned(size: int) -> None:
    data = plan_for(payload_bytes=size).data(123_456_789)
    assert len(msgspec.json.encode(data)) == size
