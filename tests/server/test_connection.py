"""A connection carries bytes, stops reading when it must, and always ends."""

from __future__ import annotations

import asyncio
import gc

import pytest

from tests.support import rawframes
from tests.support.asynchronous import eventually, run
from tests.support.connections import LIMITS, Bench, FakeTransport, close_of, transport_of
from tests.support.rawframes import CLOSE, PING, PONG, TEXT, frame, text
from tidewire.server.connection import Connection
from tidewire.server.shared import READ_BUFFER_BYTES
from tidewire.websocket import close_codes


@pytest.fixture
def bench() -> Bench:
    return Bench()


# -- reading -----------------------------------------------------------------------------------


def test_frames_that_came_with_the_head_are_acted_on_first(bench: Bench) -> None:
    """Catalogue 27."""
    connection = bench.connect(early=text("one"))
    bench.feed(connection, text("two"))
    assert bench.handler.texts == ["one", "two"]


def test_a_message_in_pieces_is_one_message(bench: Bench) -> None:
    connection = bench.connect()
    whole = text("a message")
    for place in range(len(whole)):
        bench.feed(connection, whole[place : place + 1])
    assert bench.handler.texts == ["a message"]


def test_a_ping_is_answered_with_its_payload(bench: Bench) -> None:
    connection = bench.connect()
    bench.feed(connection, frame(PING, b"here?"))
    (pong,) = transport_of(connection).take()
    assert (pong.opcode, pong.payload) == (PONG, b"here?")


def test_frames_over_the_budget_are_refused_and_not_acted_on(bench: Bench) -> None:
    """Catalogue 40."""
    connection = bench.connect()
    for _ in range(11):
        bench.feed(connection, text("x") * 100)
    assert len(bench.handler.texts) == 1000
    assert bench.handler.refused_frames > 0


def test_data_received_is_defined_though_it_is_never_called() -> None:
    """Without the name uvloop keeps the previous protocol alive: nine kilobytes a connection."""
    assert "data_received" in vars(Connection)


# -- pausing -----------------------------------------------------------------------------------


async def _wait_for(gate: asyncio.Event) -> None:
    await gate.wait()


def test_frames_behind_a_command_that_waits_are_kept_in_their_order() -> None:
    async def scenario() -> None:
        bench, gate = Bench(), asyncio.Event()
        bench.handler.acts = lambda peer, said: (
            peer.run(_wait_for(gate)) if said == "wait" else None
        )
        connection = bench.connect()
        bench.feed(connection, text("wait") + text("one") + text("two"))
        assert bench.handler.texts == ["wait"]
        assert not transport_of(connection).is_reading
        gate.set()
        await eventually(lambda: transport_of(connection).is_reading)
        assert bench.handler.texts == ["wait", "one", "two"]

    run(scenario())


def test_reading_goes_on_only_when_no_reason_is_left() -> None:
    async def scenario() -> None:
        bench, gate = Bench(), asyncio.Event()
        bench.handler.acts = lambda peer, said: peer.run(_wait_for(gate))
        connection = bench.connect()
        bench.feed(connection, text("wait"))
        connection.pause_writing()
        connection.resume_writing()
        assert not transport_of(connection).is_reading, "the command still waits"
        gate.set()
        await eventually(lambda: transport_of(connection).is_reading)

    run(scenario())


def test_a_command_that_waits_ends_with_its_connection() -> None:
    async def scenario() -> None:
        bench = Bench()
        bench.handler.acts = lambda peer, said: peer.run(_wait_for(asyncio.Event()))
        connection = bench.connect()
        bench.feed(connection, text("wait"))
        (command,) = asyncio.all_tasks() - {asyncio.current_task()}
        bench.lose(connection)
        await asyncio.gather(command, return_exceptions=True)
        assert command.cancelled()

    run(scenario())


def test_a_full_write_side_is_not_read_from(bench: Bench) -> None:
    """Catalogue 41."""
    connection = bench.connect()
    connection.pause_writing()
    assert not transport_of(connection).is_reading
    connection.resume_writing()
    assert transport_of(connection).is_reading


# -- writing -----------------------------------------------------------------------------------


def test_what_a_turn_sends_leaves_in_one_write_and_in_order(bench: Bench) -> None:
    connection = bench.connect()
    transport_of(connection).take()
    connection.queue(text("reply"))
    connection.deliver(text("publication"))
    assert transport_of(connection).written == b""
    bench.loop.settle()
    assert transport_of(connection).written == text("reply") + text("publication")


def test_what_waits_for_a_slow_reader_is_written_when_it_reads(bench: Bench) -> None:
    connection = bench.connect()
    transport_of(connection).take()
    connection.pause_writing()
    bench.send(connection, "one")
    bench.send(connection, "two")
    assert transport_of(connection).take() == []
    assert bench.counters.queue_bytes > 0
    connection.resume_writing()
    assert transport_of(connection).texts() == ["one", "two"]
    assert bench.counters.queue_bytes == 0


def test_a_reader_too_many_bytes_behind_is_closed_to_recover(bench: Bench) -> None:
    """Catalogue 67: what waited is dropped, since it reads it again when it is back."""
    connection = bench.connect()
    transport_of(connection).take()
    connection.pause_writing()
    for _ in range(6):
        bench.send(connection, "x" * 200)
    assert close_of(transport_of(connection).take())[0] == close_codes.SLOW_READER.number
    assert bench.handler.left == [close_codes.SLOW_READER.number]
    assert bench.counters.queue_bytes == 0
    assert bench.counters.slow_readers == 1


def test_a_reader_that_stands_still_too_long_is_closed_to_recover(bench: Bench) -> None:
    """Catalogue 67."""
    connection = bench.connect()
    connection.pause_writing()
    bench.loop.pass_time(LIMITS.queue_age_s - 0.1)
    assert bench.handler.left == []
    bench.loop.pass_time(0.2)
    assert bench.handler.left == [close_codes.SLOW_READER.number]


def test_writing_to_a_connection_that_is_lost_raises_nothing(bench: Bench) -> None:
    """uvloop raises there; one dead writer must not stop a fan-out."""
    connection = bench.connect()
    transport_of(connection).is_dead = True
    connection.deliver(text("live"))
    connection.queue(text("queued"))
    bench.loop.settle()
    bench.lose(connection)
    connection.deliver(text("late"))
    bench.send(connection, "later")


def test_drained_returns_when_what_was_sent_has_left() -> None:
    async def scenario() -> None:
        bench = Bench()
        connection = bench.connect()
        connection.pause_writing()
        waiting = asyncio.create_task(connection.drained())
        await asyncio.sleep(0)
        assert not waiting.done()
        connection.resume_writing()
        await waiting

    run(scenario())


def test_drained_returns_when_the_connection_is_lost() -> None:
    async def scenario() -> None:
        bench = Bench()
        connection = bench.connect()
        connection.pause_writing()
        waiting = asyncio.create_task(connection.drained())
        await asyncio.sleep(0)
        bench.lose(connection)
        await waiting

    run(scenario())


# -- ending ------------------------------------------------------------------------------------


def test_a_violation_is_told_and_nothing_behind_it_is_acted_on(bench: Bench) -> None:
    """Catalogue 47."""
    connection = bench.connect()
    bench.feed(connection, text("good") + frame(TEXT, b"bad", mask=b"") + text("after"))
    bench.feed(connection, text("later"))
    assert bench.handler.texts == ["good"]
    code, reason = close_of(transport_of(connection).take())
    assert code == close_codes.PROTOCOL_ERROR.number
    assert reason
    assert transport_of(connection).has_sent_eof, "closing with bytes unread would lose the Close"


def test_a_close_is_answered_with_its_code_and_ends_it(bench: Bench) -> None:
    connection = bench.connect()
    bench.feed(connection, rawframes.close(1000))
    assert close_of(transport_of(connection).take())[0] == 1000
    assert transport_of(connection).is_closed
    assert bench.handler.left == [1000]


def test_a_peer_that_never_answers_a_close_is_cut(bench: Bench) -> None:
    """Catalogue 46."""
    connection = bench.connect()
    connection.close(close_codes.DRAINING)
    bench.loop.pass_time(4.9)
    assert not transport_of(connection).is_aborted
    bench.loop.pass_time(0.2)
    assert transport_of(connection).is_aborted


def test_what_comes_after_our_close_is_ignored_up_to_the_peers(bench: Bench) -> None:
    """Catalogue 46."""
    connection = bench.connect()
    connection.close(close_codes.DRAINING)
    bench.feed(connection, text("late") + frame(PING, b"") + rawframes.close(1000))
    assert bench.handler.texts == []
    assert transport_of(connection).is_closed
    closes = [one for one in transport_of(connection).take() if one.opcode == CLOSE]
    assert len(closes) == 1


def test_a_flood_that_comes_after_our_close_is_left_to_the_kernel(bench: Bench) -> None:
    """Catalogue 40."""
    connection = bench.connect()
    connection.close(close_codes.DRAINING)
    flood = text("x" * 100) * 1000
    bench.feed(connection, flood[:READ_BUFFER_BYTES])
    assert not transport_of(connection).is_reading
    assert bench.handler.texts == []


def test_a_close_while_paused_reads_on_to_see_the_peers(bench: Bench) -> None:
    connection = bench.connect()
    connection.pause_writing()
    connection.close(close_codes.DRAINING)
    assert transport_of(connection).is_reading


def test_a_message_that_is_not_finished_in_time_ends_it(bench: Bench) -> None:
    """Catalogue 38."""
    connection = bench.connect()
    bench.feed(connection, frame(TEXT, b"never", fin=False))
    bench.loop.pass_time(LIMITS.unfinished_message_s + 0.1)
    code, reason = close_of(transport_of(connection).take())
    assert (code, reason) == (1008, "message not finished in time")


def test_more_of_a_message_does_not_buy_it_more_time(bench: Bench) -> None:
    """Catalogue 38."""
    connection = bench.connect()
    bench.feed(connection, frame(TEXT, b"a", fin=False))
    bench.loop.pass_time(LIMITS.unfinished_message_s - 1)
    bench.feed(connection, frame(0, b"b", fin=False))
    bench.loop.pass_time(1.1)
    assert bench.handler.left == [1008]


def test_a_message_finished_in_time_harms_nobody(bench: Bench) -> None:
    connection = bench.connect()
    bench.feed(connection, frame(TEXT, b"a", fin=False))
    bench.feed(connection, frame(0, b"b"))
    bench.loop.pass_time(LIMITS.unfinished_message_s * 2)
    assert bench.handler.left == []


def test_a_peer_that_hangs_up_lets_the_transport_close(bench: Bench) -> None:
    assert bench.connect().eof_received() is False


def test_leaving_is_told_once_however_it_ends(bench: Bench) -> None:
    connection = bench.connect()
    connection.close(close_codes.DRAINING)
    connection.close(close_codes.SLOW_READER)
    bench.lose(connection)
    assert bench.handler.left == [close_codes.DRAINING.number]
    assert bench.ended == [connection]
    assert not bench.shared.connections
    assert not bench.shared.closing


def _alive() -> int:
    return sum(type(each) is Connection for each in gc.get_objects())


def test_a_closed_connection_leaves_no_reference_cycle(bench: Bench) -> None:
    """A full collection takes 27 ms at 100,000 objects: counting alone has to free it."""
    gc.collect()
    gc.disable()
    try:
        connection = bench.connect()
        bench.feed(connection, text("hello") + frame(TEXT, b"unfinished", fin=False))
        assert _alive() == 1
        bench.lose(connection)
        bench.ended.clear()
        del connection
        assert _alive() == 0
    finally:
        gc.enable()


# -- heartbeats --------------------------------------------------------------------------------


def _pings(transport: FakeTransport) -> int:
    return sum(one.opcode == PING for one in transport.take())


def test_a_silent_peer_is_pinged_and_then_cut(bench: Bench) -> None:
    """Catalogue 69: within interval and timeout, and its leaving is told."""
    connection = bench.connect()
    transport = transport_of(connection)
    bench.pass_heartbeats(36)
    assert PING in [one.opcode for one in transport.take()]
    assert transport.is_aborted
    assert bench.handler.left == [close_codes.HEARTBEAT_MISSED.number]


@pytest.mark.parametrize("life", [frame(PONG, b""), text("hi"), frame(PING, b"")])
def test_any_frame_is_a_sign_of_life(bench: Bench, life: bytes) -> None:
    connection = bench.connect()
    for _ in range(120):
        bench.pass_heartbeats(1)
        if _pings(transport_of(connection)):
            bench.feed(connection, life)
    assert bench.handler.left == []


def test_one_who_is_not_read_is_not_judged(bench: Bench) -> None:
    """Its pongs would wait unread."""
    connection = bench.connect()
    connection.pause_writing()
    bench.shared.turn_wheel(30.0)
    bench.shared.turn_wheel(30.0)
    assert bench.handler.left == []


def test_an_expired_token_closes_with_get_a_new_one(bench: Bench) -> None:
    """Catalogue 75: at its time and not at the next heartbeat."""
    bench.connect(expires_at=bench.clock.time() + 5)
    bench.pass_heartbeats(4)
    assert bench.handler.left == []
    bench.pass_heartbeats(3)
    assert bench.handler.left == [close_codes.TOKEN_EXPIRED.number]


def test_the_pings_of_a_crowd_are_spread_over_time(bench: Bench) -> None:
    crowd = [bench.connect() for _ in range(200)]
    most = 0
    for _ in range(25):
        bench.pass_heartbeats(1)
        most = max(most, sum(_pings(transport_of(each)) for each in crowd))
    assert 0 < most < 60
