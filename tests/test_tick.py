"""One tick: everything of one turn in one go, whatever fails."""

from __future__ import annotations

import logging

import pytest

from tests.support.loops import FakeLoop
from tidewire.testing.clock import FakeClock
from tidewire.tick import MANY, MAX_LOOKS, Tick


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def loop(clock: FakeClock) -> FakeLoop:
    return FakeLoop(clock)


@pytest.fixture
def tick(loop: FakeLoop, clock: FakeClock) -> Tick:
    return Tick(loop.call_soon, clock.monotonic)


def test_however_often_it_is_asked_for_the_phases_run_once_and_in_order(
    tick: Tick, loop: FakeLoop
) -> None:
    ran: list[str] = []
    tick.set_phases(lambda: ran.append("first"), lambda: ran.append("second"))
    tick.request()
    tick.request()
    assert ran == []
    loop.settle()
    assert ran == ["first", "second"]


def test_what_a_phase_leaves_undone_gets_a_next_tick_and_nothing_else_does(
    tick: Tick, loop: FakeLoop
) -> None:
    ran: list[int] = []

    def phase() -> None:
        ran.append(len(ran))
        tick.request()

    tick.set_phases(phase, has_more=lambda: len(ran) < 3)
    tick.request()
    turns = 0
    while loop.turn():
        turns += 1
    assert (ran, turns) == ([0, 1, 2], 3)


def test_a_phase_that_fails_stops_neither_the_others_nor_the_next_tick(
    tick: Tick, loop: FakeLoop, caplog: pytest.LogCaptureFixture
) -> None:
    ran: list[str] = []

    def fail() -> None:
        raise RuntimeError("broken")

    tick.set_phases(fail, lambda: ran.append("second"))
    with caplog.at_level(logging.ERROR, "tidewire.tick"):
        for _ in range(2):
            tick.request()
            loop.settle()
    assert ran == ["second", "second"]
    assert "broken" in caplog.text


def test_the_time_of_a_turn_is_when_it_was_first_asked_for(
    tick: Tick, loop: FakeLoop, clock: FakeClock
) -> None:
    tick.request()
    clock.advance(5)
    tick.request()
    assert tick.now == 0
    loop.settle()
    tick.request()
    assert tick.now == 5


@pytest.mark.parametrize(
    ("brought", "turns"),
    [
        ([0], 1),
        ([MANY - 1], 1),
        ([MANY, MANY], 2),
        ([MANY, MANY + 5, MANY + 5], 3),
        ([MANY * each for each in range(1, 20)], MAX_LOOKS + 1),
    ],
    ids=["idle", "few", "no more came", "more came once", "more comes for ever"],
)
def test_while_many_more_come_the_sockets_are_looked_at_again_a_bounded_number_of_times(
    tick: Tick, loop: FakeLoop, brought: list[int], turns: int
) -> None:
    ran: list[int] = []
    counts = iter(brought)
    tick.set_phases(lambda: ran.append(1), waiting=lambda: next(counts))
    tick.request()
    taken = 0
    while loop.turn():
        taken += 1
    assert (len(ran), taken) == (1, turns)
    assert not tick.is_requested
