"""The wheel asks each member at its time, never more than a slice late."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewire.server.heartbeat import SLOTS, HeartbeatWheel


class Member:
    slot = 0

    def beat(self) -> float | None:
        return None


@given(delay_s=st.floats(0.01, 100.0), steps=st.lists(st.floats(0.01, 3.0), min_size=1))
def test_nobody_is_asked_early_or_more_than_a_slice_late(
    delay_s: float, steps: list[float]
) -> None:
    wheel, member = HeartbeatWheel(0.5), Member()
    wheel.add(member, delay_s)
    passed_s = 0.0
    for step in steps:
        passed_s += step
        if wheel.turn(step):
            assert passed_s > delay_s - wheel.slice_s
            return
    assert passed_s < delay_s + 2 * wheel.slice_s


def test_a_long_pause_asks_everybody_once() -> None:
    wheel = HeartbeatWheel(1.0)
    members = [Member() for _ in range(50)]
    for place, member in enumerate(members):
        wheel.add(member, place)
    asked = wheel.turn(SLOTS * 10.0)
    assert len(asked) == len(set(asked)) == 50
    assert len(wheel) == 0


def test_who_was_taken_out_is_not_asked() -> None:
    wheel, member = HeartbeatWheel(1.0), Member()
    wheel.add(member, 3)
    wheel.discard(member)
    wheel.discard(member)
    assert wheel.turn(10.0) == []


@pytest.mark.parametrize("delay_s", [0.0, -1.0])
def test_what_is_due_already_is_asked_in_the_next_slice(delay_s: float) -> None:
    wheel, member = HeartbeatWheel(1.0), Member()
    wheel.add(member, delay_s)
    assert wheel.turn(1.0) == [member]


def test_a_delay_beyond_one_turn_is_asked_early_and_never_forgotten() -> None:
    wheel, member = HeartbeatWheel(1.0), Member()
    wheel.add(member, 10.0 * SLOTS)
    assert wheel.turn(SLOTS - 1.0) == [member]
