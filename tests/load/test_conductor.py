"""Whole load tests, in processes of their own, on a server in this one."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.load.plans import plan_for
from tests.support.inprocess import settings_for
from tidewire.config import Auth
from tidewire.errors import StartFailed
from tidewire.load.conductor import conduct
from tidewire.testing.blocking import running


def test_processes_deliver_everything_to_everybody() -> None:
    seen: list[int] = []
    with running() as server:
        tally = conduct(plan_for(url=server.websocket_url, processes=2), seen.append)
    assert (tally.subscribers, tally.acknowledged) == (8, 50)
    assert (tally.delivered, tally.undelivered) == (400, 0)
    assert tally.delivery.count == tally.delivered
    assert tally.lateness.count == tally.sent
    assert seen == sorted(seen)


def test_after_a_storm_everybody_is_back_and_has_what_it_missed() -> None:
    with running() as server:
        tally = conduct(plan_for(url=server.websocket_url, storm=True))
    assert tally.lost_connections == 8
    assert tally.returning.count == 8
    assert tally.undelivered == 0


def test_a_network_that_fails_in_the_middle_is_counted_and_come_back_from() -> None:
    with running() as server:
        proxy = server.proxy()

        async def cut() -> None:
            proxy.cut()

        def cut_once(delivered: int) -> None:
            if delivered and not proxy.connections_cut:
                server.do(cut())

        tally = conduct(plan_for(url=f"ws://127.0.0.1:{proxy.port}/ws"), cut_once)
    assert tally.lost_connections == 10  # publishers', too
    assert tally.sent == 50
    assert tally.undelivered == 0


def test_a_stall_of_the_server_is_in_the_figures() -> None:
    """Messages fall due while nothing is answered: no coordinated omission."""
    with running() as server:
        stalls: list[None] = []

        def stall_once(delivered: int) -> None:
            if delivered and not stalls:
                stalls.append(server.do(_stall_soon()))

        tally = conduct(plan_for(url=server.websocket_url, for_s=2.0), stall_once)
    slow = [percent for percent in range(1, 101) if tally.delivery.percentile(percent) > 50_000]
    assert stalls
    assert len(slow) > 10  # a quarter of the time nothing was answered
    assert tally.undelivered == 0


async def _stall_soon() -> None:
    asyncio.get_running_loop().call_soon(time.sleep, 0.5)


def test_a_refused_start_is_one_sentence() -> None:
    with (
        running(settings=settings_for(auth=Auth())) as server,
        pytest.raises(StartFailed, match="cannot use"),
    ):
        conduct(plan_for(url=server.websocket_url))


def test_a_channel_that_is_closed_is_one_sentence() -> None:
    with running() as server, pytest.raises(StartFailed, match="subscribe vault: forbidden"):
        conduct(plan_for(url=server.websocket_url, channel="vault"))
