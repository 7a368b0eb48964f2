"""The history checker on real servers: silent about an honest one, and named for each fault.

A checker that finds nothing proves nothing until it has been seen to find something: every
broken server here differs from the honest one in one part, and has really broken its promise.
"""

from __future__ import annotations

from functools import partial

import pytest

from tests.support.asynchronous import run
from tests.support.inprocess import ROOMS, settings_for
from tests.support.saboteurs import (
    CHANNEL,
    CHANNELS,
    ENGINE,
    HUB,
    BlindlyRewindingEngine,
    DroppingHub,
    HastyEngine,
    IndulgentTable,
    RepeatingHub,
    RewindingEngine,
    SwappingHub,
    Tally,
)
from tidewire.config import Channel
from tidewire.testing import violations as found
from tidewire.testing.history import Acknowledged, Operation, Received
from tidewire.testing.recorder import Recorder
from tidewire.testing.server import serve
from tidewire.testing.violations import Violation

SETTINGS = settings_for(Channel(pattern="vault", may_subscribe="authenticated"), *ROOMS)


async def _experiment(recorder: Recorder) -> None:
    """Two publishers, a reader who stays, one who goes and comes back, and one who may not."""
    recorder.bar("eve", "vault")
    ann = recorder.subscriber("ann", CHANNEL, "lobby")
    bob = recorder.subscriber("bob", CHANNEL)
    eve = recorder.subscriber("eve", "vault")
    p1, p2 = recorder.publisher("p1"), recorder.publisher("p2")
    async with ann, eve, p1, p2:
        async with bob:
            await p1.publish(CHANNEL, 100)
            await bob.reached(CHANNEL, p1.position)
            await p1.publish(CHANNEL, 53)
            await bob.reached(CHANNEL, p1.position)
        await p2.publish(CHANNEL, 60)
        await p2.publish("lobby", 20)
        async with bob:
            await p1.publish(CHANNEL, 40)
            await bob.reached(CHANNEL, p1.position)
            await ann.reached(CHANNEL, p1.position)
            await ann.reached("lobby", p2.position)
    await recorder.audit(CHANNEL)


def _violations() -> tuple[list[Violation], list[Operation]]:
    async def whole() -> Recorder:
        async with serve(settings=SETTINGS) as server:
            recorder = server.recorder()
            await _experiment(recorder)
        return recorder

    recorder = run(whole())
    return recorder.violations(), recorder.history


def _kinds(violations: list[Violation]) -> set[type[Violation]]:
    return {type(each) for each in violations}


def test_an_honest_server_breaks_no_promise_in_the_same_experiment() -> None:
    violations, history = _violations()
    assert violations == []
    acknowledged = [each for each in history if isinstance(each, Acknowledged)]
    recovered = [each for each in history if isinstance(each, Received) and each.how == "recovered"]
    assert len(acknowledged) == 273
    assert len(recovered) == 253 + 60  # the auditor's, and what bob missed


def test_a_server_that_drops_one_in_a_hundred_leaves_holes(monkeypatch: pytest.MonkeyPatch) -> None:
    tally = Tally()
    monkeypatch.setattr(HUB, partial(DroppingHub, tally))
    violations, _ = _violations()
    assert tally.faults == 3  # of 253 entries
    assert _kinds(violations) == {found.Hole}
    holes = [str(each) for each in violations]
    assert len(holes) == 6  # ann's and bob's
    assert holes[0] == (
        "hole: ann never received entry 50 of room:1, without being told, "
        "acknowledged ones among them: p1/50"
    )


def test_a_server_that_swaps_two_entries_is_out_of_order(monkeypatch: pytest.MonkeyPatch) -> None:
    tally = Tally()
    monkeypatch.setattr(HUB, partial(SwappingHub, tally))
    violations, _ = _violations()
    assert tally.faults == 1
    assert _kinds(violations) == {found.Disordered}
    assert len(violations) == 2  # ann's and bob's


def test_a_server_that_repeats_an_entry_is_found_to_duplicate(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tally = Tally()
    monkeypatch.setattr(HUB, partial(RepeatingHub, tally))
    violations, _ = _violations()
    assert tally.faults == 1
    assert _kinds(violations) == {found.Duplicate}


def test_a_server_that_ignores_permissions_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catalogue 73."""
    tally = Tally()
    monkeypatch.setattr(CHANNELS, partial(IndulgentTable, tally))
    violations, _ = _violations()
    assert tally.faults > 0
    assert _kinds(violations) == {found.Unauthorised}


def test_a_log_that_goes_back_regresses_for_who_is_connected_and_has_lost_what_it_acknowledged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Catalogue 78."""
    tally = Tally()
    monkeypatch.setattr(ENGINE, partial(RewindingEngine, tally))
    violations, _ = _violations()
    assert tally.faults == 1
    assert {found.Regressed, found.Missing} <= _kinds(violations)
    assert found.FalselyComplete not in _kinds(violations)  # the tag tells bob that it is a gap


def test_without_tags_a_rewound_log_is_falsely_called_complete(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Catalogue 78."""
    tally = Tally()
    monkeypatch.setattr(ENGINE, partial(BlindlyRewindingEngine, tally))
    violations, _ = _violations()
    assert tally.faults == 1
    claims = [each for each in violations if isinstance(each, found.FalselyComplete)]
    assert [each.subscriber for each in claims] == ["bob"]


def test_a_server_that_acknowledges_before_entering_history_is_missing_messages(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tally = Tally()
    monkeypatch.setattr(ENGINE, partial(HastyEngine, tally))
    violations, _ = _violations()
    assert tally.faults == 6  # of 273
    missing = [each for each in violations if isinstance(each, found.Missing)]
    assert len(missing) == tally.faults
    assert _kinds(violations) == {found.Missing}
