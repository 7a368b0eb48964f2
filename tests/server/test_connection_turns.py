"""Whatever a connection acts on, a tick follows it: nothing waits for the next frame to come."""

from __future__ import annotations

import asyncio

from tests.support.asynchronous import eventually, run
from tests.support.connections import Bench
from tests.support.rawframes import text


async def _wait_for(gate: asyncio.Event) -> None:
    await gate.wait()


def test_what_was_read_behind_a_command_that_waits_is_followed_by_a_tick() -> None:
    """A chat message behind a ``history`` once stayed with the engine until anybody spoke."""

    async def scenario() -> None:
        bench, gate, asked = Bench(), asyncio.Event(), dict[str, bool]()
        connection = bench.connect()

        def act(_: object, said: str) -> None:
            asked[said] = bench.shared.tick.is_requested
            if said == "wait":
                connection.run(_wait_for(gate))

        bench.handler.acts = act
        bench.feed(connection, text("wait") + text("behind"))
        gate.set()
        await eventually(lambda: "behind" in asked)
        assert asked == {"wait": True, "behind": True}

    run(scenario())


def test_what_was_read_while_the_peer_read_too_slowly_is_followed_by_a_tick() -> None:
    bench, asked = Bench(), list[bool]()
    connection = bench.connect()

    def act(_: object, said: str) -> None:
        asked.append(bench.shared.tick.is_requested)
        if said == "first":
            connection.pause_writing()

    bench.handler.acts = act
    bench.feed(connection, text("first") + text("second"))
    bench.clock.advance(5)
    connection.resume_writing()
    assert asked == [True, True]
    assert bench.shared.tick.now == bench.clock.monotonic()
