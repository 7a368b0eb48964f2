"""The drill on servers in this process: honest ones pass, others do not."""

from __future__ import annotations

import asyncio
from functools import partial
from random import Random

import pytest

from tests.support.asynchronous import eventually, run
from tests.support.inprocess import ROOMS, settings_for
from tests.support.saboteurs import (
    CHANNEL,
    ENGINE,
    HUB,
    DroppingHub,
    HastyEngine,
    RepeatingHub,
    SwappingHub,
    Tally,
)
from tidewire.config import Channel
from tidewire.errors import StartFailed
from tidewire.messages import Position
from tidewire.testing.drill import Drill, Plan, Verdict, is_at
from tidewire.testing.server import serve
from tidewire.testing.way import Way

SETTINGS = settings_for(Channel(pattern="quiet", may_publish="nobody"), *ROOMS)
FOR_EVER_S = 3600.0


def _drill(url: str, *channels: str) -> Drill:
    plan = Plan(
        channels=channels or (CHANNEL,), publishers=2, subscribers=2, rate=800, for_s=FOR_EVER_S
    )
    return Drill(plan, Way(url, None, Random(7)))


def _verdict(*channels: str, after: int = 200) -> Verdict:
    """Of a run that is stopped once so many messages were acknowledged."""

    async def whole() -> Verdict:
        async with serve(settings=SETTINGS) as server:
            drill = _drill(server.websocket_url, *channels)
            running = asyncio.create_task(drill.run())
            await eventually(lambda: running.done() or drill.counts.acknowledged >= after)
            drill.stop.set()
            return await running

    return run(whole())


def test_an_honest_server_keeps_every_promise() -> None:
    verdict = _verdict(CHANNEL, "room:2")
    assert verdict.held, (verdict.violations, verdict.doubts)
    assert verdict.counts.delivered >= 2 * 200


def test_a_server_that_loses_entries_does_not_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    tally = Tally()
    monkeypatch.setattr(HUB, partial(DroppingHub, tally))
    verdict = _verdict()
    assert tally.faults
    assert verdict.broken.lost >= 2
    assert not verdict.held


def test_a_server_that_repeats_or_reorders_does_not_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HUB, partial(RepeatingHub, Tally()))
    assert _verdict().broken.duplicated >= 1
    monkeypatch.setattr(HUB, partial(SwappingHub, Tally()))
    assert _verdict().broken.reordered >= 1


def test_a_server_that_acknowledges_what_it_drops_does_not_pass(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ENGINE, partial(HastyEngine, Tally()))
    assert _verdict().broken.lost >= 1


def test_a_server_that_does_not_come_back_is_not_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tidewire.testing.drill.SETTLE_STOPPED_S", 0.5)

    async def whole() -> Verdict:
        async with serve(settings=SETTINGS) as server:
            drill = _drill(server.websocket_url)
            running = asyncio.create_task(drill.run())
            await eventually(lambda: running.done() or drill.counts.acknowledged)
        drill.stop.set()
        return await running

    assert run(whole()).doubts == ("not everybody had caught up within 0.5 s",)


def test_what_is_not_allowed_is_said_before_the_run() -> None:
    with pytest.raises(StartFailed, match="publish quiet: forbidden"):
        _verdict("quiet")


def test_a_place_where_nobody_listens_is_said_before_the_run() -> None:
    with pytest.raises(StartFailed, match=r"cannot use ws://127.0.0.1:1/ws"):
        run(_drill("ws://127.0.0.1:1/ws").run())


def test_something_that_is_no_tidewire_server_is_said_before_the_run() -> None:
    async def whole() -> None:
        other = await asyncio.start_server(_speak_smtp, "127.0.0.1", 0)
        async with other:
            port = other.sockets[0].getsockname()[1]
            await _drill(f"ws://127.0.0.1:{port}/ws").run()

    with pytest.raises(StartFailed, match="cannot use"):
        run(whole())


async def _speak_smtp(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 mail.example.com ESMTP\r\n\r\n")
    writer.close()


def test_a_run_without_an_acknowledgement_proves_nothing() -> None:
    async def whole() -> Verdict:
        async with serve(settings=SETTINGS) as server:
            drill = _drill(server.websocket_url)
            drill.stop.set()
            return await drill.run()

    verdict = run(whole())
    assert "nothing was acknowledged, so nothing is proven" in verdict.doubts
    assert not verdict.held


def test_only_who_is_where_the_auditor_is_has_caught_up() -> None:
    goal = Position("new", 5)
    assert is_at(Position("new", 5), latest=goal, goal=goal)
    assert not is_at(Position("new", 4), latest=goal, goal=goal)
    assert not is_at(Position("old", 9), latest=goal, goal=goal)
    assert not is_at(None, latest=goal, goal=goal)
    assert is_at(Position("newer", 1), latest=Position("newer", 2), goal=goal)
