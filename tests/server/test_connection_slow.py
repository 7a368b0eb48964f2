"""A peer that reads slowly: when its channels are told, and when it is given up on."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.asynchronous import run
from tests.support.connections import LIMITS, Bench, transport_of
from tidewire.server.connection import Connection
from tidewire.websocket import close_codes
from tidewire.websocket.frames import text_frame

PERIOD_S = LIMITS.queue_age_s + 0.1


@pytest.fixture
def bench() -> Bench:
    return Bench()


def _full(bench: Bench, unsent: int = 80_000) -> Connection:
    """A connection whose transport has just said that it is full."""
    connection = bench.connect()
    transport_of(connection).take()
    transport_of(connection).unsent = unsent
    connection.pause_writing()
    return connection


def _told(message: str) -> bytes:
    return text_frame(message.encode())


def test_its_channels_are_told_when_it_is_full_and_when_it_takes_more(bench: Bench) -> None:
    connection = _full(bench)
    assert (bench.handler.news, connection.is_behind) == (["fell behind"], True)
    connection.resume_writing()
    bench.loop.settle()
    assert (bench.handler.news, connection.is_behind) == (["fell behind", "caught up"], False)


def test_what_channels_kept_comes_behind_all_it_was_told_meanwhile(bench: Bench) -> None:
    connection = _full(bench)
    bench.handler.catches_up = lambda peer: peer.deliver(_told("kept"))
    bench.send(connection, "backlog")
    connection.resume_writing()
    connection.queue(_told("reply"))
    bench.loop.settle()
    assert transport_of(connection).texts() == ["backlog", "reply", "kept"]


def test_one_that_is_full_again_at_once_is_told_of_nothing_new(bench: Bench) -> None:
    connection = _full(bench)
    connection.resume_writing()
    connection.pause_writing()
    bench.loop.settle()
    assert bench.handler.news == ["fell behind", "fell behind"]


def test_one_that_was_closed_meanwhile_catches_up_with_nothing(bench: Bench) -> None:
    connection = _full(bench)
    connection.resume_writing()
    connection.close(close_codes.NORMAL)
    bench.loop.settle()
    assert bench.handler.news == ["fell behind"]


def test_a_recovery_that_waits_to_send_its_next_page_comes_before_what_channels_kept() -> None:
    """Else a busy channel would starve it."""

    async def scenario() -> list[str]:
        bench = Bench()
        connection = _full(bench)
        bench.handler.catches_up = lambda peer: peer.deliver(_told("kept"))

        async def recover() -> None:
            await connection.drained()
            connection.queue(_told("page"))

        task = asyncio.create_task(recover())
        await asyncio.sleep(0)
        connection.resume_writing()
        await task
        bench.loop.settle()
        return transport_of(connection).texts()

    assert run(scenario()) == ["page", "kept"]


def test_one_that_reads_slowly_and_has_nothing_waiting_here_may_go_on(bench: Bench) -> None:
    connection = _full(bench)
    for unsent in range(79_000, 70_000, -1_000):
        transport_of(connection).unsent = unsent
        bench.loop.pass_time(PERIOD_S)
    assert bench.handler.left == []
    bench.loop.pass_time(PERIOD_S)
    assert bench.handler.left == [close_codes.SLOW_READER.number]


def test_one_that_reads_and_does_not_come_to_what_waits_for_it_is_closed(bench: Bench) -> None:
    """Catalogue 67: what waits in its own queue has an age."""
    connection = _full(bench)
    bench.send(connection, "waiting")
    transport_of(connection).unsent = 79_000
    bench.loop.pass_time(PERIOD_S)
    assert bench.handler.left == []
    transport_of(connection).unsent = 78_000
    bench.loop.pass_time(PERIOD_S)
    assert bench.handler.left == [close_codes.SLOW_READER.number]
    assert bench.counters.queue_bytes == 0


def test_one_that_comes_to_the_end_of_it_begins_anew(bench: Bench) -> None:
    connection = _full(bench)
    bench.send(connection, "waiting")
    bench.loop.pass_time(PERIOD_S * 0.9)
    connection.resume_writing()
    connection.pause_writing()
    bench.loop.pass_time(PERIOD_S * 0.9)
    assert bench.handler.left == []
