"""The client on a whole server in this process: what applications see of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest

from tests.support.asynchronous import eventually, run
from tests.support.inprocess import settings_for
from tidewire import App, Handshake, User
from tidewire.app import Client as Visitor
from tidewire.app import Message, Refused
from tidewire.client import (
    Client,
    ClientClosed,
    Closed,
    CommandRefused,
    Connecting,
    Entry,
    Gap,
    NotSent,
    Open,
    OutcomeUnknown,
    Signal,
    Skip,
    Waiting,
    connect,
)
from tidewire.config import Channel
from tidewire.messages import UserJoined
from tidewire.testing.proxy import FaultProxy
from tidewire.testing.server import Server, serve

ROOM = "room:1"


def soon() -> float:
    return 0.01


class Move(Message, type="move"):
    x: int


@asynccontextmanager
async def standing(
    app: App | None = None, *channels: Channel
) -> AsyncIterator[tuple[Server, FaultProxy, Client]]:
    """A server, a proxy before it, and ann's client behind that."""
    async with serve(app, settings_for(*channels)) as server:
        proxy = await server.proxy()
        async with ann(server, proxy.port) as client:
            yield server, proxy, client


def ann(server: Server, port: int, **options: Any) -> Client:
    url = f"ws://127.0.0.1:{port}/ws"
    return connect(url, token=server.token("ann"), draw=soon, **options)


async def take(client: Client, count: int, name: str = ROOM, **options: Any) -> list[Any]:
    """The first ``count`` entries' data."""
    found: list[Any] = []
    async with aclosing(client.channel(name, **options).entries()) as entries:
        async for entry in entries:
            found.append(entry.data)
            if len(found) == count:
                break
    return found


async def _subscribed(client: Client, users: int = 1) -> None:
    while (await client.presence(ROOM)).user_count < users:
        pass  # each look is a round trip


def _own_tasks(before: set[asyncio.Task[Any]]) -> set[str]:
    return {each.get_name() for each in asyncio.all_tasks() - before}


def test_what_is_published_is_read_and_has_its_position() -> None:
    async def main() -> None:
        async with standing() as (_, _, client):
            reading = asyncio.create_task(take(client, 2))
            await _subscribed(client)
            first = await client.publish(ROOM, {"n": 1})
            second = await client.channel(ROOM).publish({"n": 2}, key="k")
            assert await reading == [{"n": 1}, {"n": 2}]
            assert (first.seq, second.seq) == (1, 2)

    run(main())


@pytest.mark.parametrize("format_name", ["json", "msgpack"])
def test_bytes_and_types_arrive_as_they_were_published_in_either_format(format_name: str) -> None:
    async def main() -> None:
        async with (
            standing() as (server, _, json),
            ann(server, server.port, format=format_name) as client,
        ):
            await client.publish(ROOM, b"\0\1")
            await json.publish(ROOM, b"\2")
            await json.publish("room:2", {"type": "move", "x": 3})
            assert await take(client, 2, rewind=2) == [b"\0\1", b"\2"]
            history = await client.channel("room:2", Move).history()
            assert [each.data for each in history.entries] == [Move(x=3)]

    run(main())


def test_a_channel_read_again_goes_on_where_it_was_left() -> None:
    async def main() -> None:
        async with standing() as (_, _, client):
            for number in range(4):
                await client.publish(ROOM, number)
            assert await take(client, 2, rewind=4) == [0, 1]
            await client.publish(ROOM, 4)
            assert await take(client, 3) == [2, 3, 4]

    run(main())


def test_a_second_loop_takes_a_channel_over_from_the_first() -> None:
    async def main() -> None:
        async with standing() as (_, _, client):
            first = asyncio.create_task(take(client, 1))
            await _subscribed(client)
            second = asyncio.create_task(take(client, 1))
            with pytest.raises(Exception, match="another loop"):
                await first
            await client.publish(ROOM, "x")
            assert await second == ["x"]

    run(main())


def test_events_tell_of_signals_and_of_who_comes() -> None:
    async def main() -> None:
        async with standing() as (server, _, client):
            events = client.channel(ROOM).events()
            first = asyncio.create_task(anext(events))
            await _subscribed(client)
            async with connect(server.websocket_url, token=server.token("bob")) as bob:
                reading = asyncio.create_task(take(bob, 1))
                assert await first == UserJoined(user_id="bob", channel=ROOM)
                await bob.signal(ROOM, "typing", {"on": True})
                signal = await anext(events)
                assert isinstance(signal, Signal)
                assert (signal.user_id, signal.data) == ("bob", {"on": True})
                reading.cancel()
            await events.aclose()

    run(main())


def test_calls_and_messages_reach_the_application_and_its_refusals_come_back() -> None:
    app = App()
    moved: list[Move] = []

    @app.call("double")
    async def double(client: Visitor, n: int) -> int:
        return 2 * n

    @app.on(Move)
    async def move(client: Visitor, message: Move) -> None:
        if message.x < 0:
            raise Refused("off the board")
        moved.append(message)

    async def main() -> None:
        async with standing(app) as (_, _, client):
            assert await client.call("double", {"n": 21}) == 42
            await client.send(Move(x=1))
            assert [each.x for each in moved] == [1]
            with pytest.raises(CommandRefused, match="off the board"):
                await client.send(Move(x=-1))

    run(main())


def test_a_channel_that_is_not_for_us_ends_its_loop_with_the_reason() -> None:
    async def main() -> None:
        async with standing() as (_, _, client):
            with pytest.raises(CommandRefused):
                await take(client, 1, "elsewhere")

    run(main())


def test_what_would_close_the_connection_is_refused_before_it_is_sent() -> None:
    async def main() -> None:
        async with standing() as (_, _, client):
            with pytest.raises(CommandRefused) as refused:
                await client.publish(ROOM, "x" * 70_000)
            assert refused.value.code == "too_large"
            assert isinstance(client.state, Open)

    run(main())


def test_the_states_of_a_connection_that_is_cut_are_told_in_order() -> None:
    async def main() -> None:
        async with standing() as (_, proxy, client):
            states = client.states()
            seen = [await anext(states)]
            proxy.cut()
            seen += [await anext(states) for _ in range(3)]
            assert [type(each) for each in seen] == [Open, Waiting, Connecting, Open]

    run(main())


def test_a_call_that_a_cut_leaves_unanswered_is_unknown() -> None:
    app, called = App(), asyncio.Event()

    @app.call("slow")
    async def slow(client: Visitor) -> None:
        called.set()
        await asyncio.Event().wait()

    async def main() -> None:
        async with standing(app) as (_, proxy, client):
            calling = asyncio.create_task(client.call("slow"))
            await called.wait()
            proxy.cut()
            with pytest.raises(OutcomeUnknown):
                await calling

    run(main())


def test_a_dead_connection_is_noticed_without_a_close(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with standing() as (_, proxy, client):
            states = client.states()
            await anext(states)
            client._keeper._connection._wire.heartbeat_s = 0.05  # type: ignore[union-attr]
            await client.publish(ROOM, "the read in hand ends, and the next one is in a hurry")
            proxy.black_hole()
            assert isinstance(waiting := await anext(states), Waiting)
            assert "silent" in waiting.reason
            proxy.pass_through()

    monkeypatch.setattr("tidewire.client.wire.PATIENCE_S", 0.05)
    run(main())


def test_who_comes_back_shows_its_grant_and_the_application_is_not_asked_again() -> None:
    app, asked = App(), list[str]()

    @app.authenticate
    async def who(handshake: Handshake) -> User:
        asked.append("who")
        return User("ann")

    async def main() -> None:
        async with serve(app, settings_for()) as server:
            proxy = await server.proxy()
            async with connect(f"ws://127.0.0.1:{proxy.port}/ws", draw=soon) as client:
                await _cut(proxy, client)
            assert asked == ["who"]

    run(main())


async def _cut(proxy: FaultProxy, client: Client) -> None:
    """Until it is back."""
    states = client.states()
    await anext(states)
    proxy.cut()
    while not isinstance(await anext(states), Open):
        pass


# --- slow readers -----------------------------------------------------------------------------


async def _flood(server: Server, count: int) -> None:
    async with connect(server.websocket_url, token=server.token("bob")) as bob:
        await asyncio.gather(*(bob.publish(ROOM, number) for number in range(count)))


def test_a_slow_reader_stops_the_reading_and_misses_nothing() -> None:
    async def main() -> None:
        async with standing() as (server, _, client):
            entries = client.channel(ROOM, buffer=10).entries()
            first = asyncio.create_task(anext(entries))
            await _subscribed(client)
            await _flood(server, 900)
            assert (await first).data == 0
            assert len(client._feeds[ROOM].buffer) <= 20
            assert [(await anext(entries)).data for _ in range(899)] == list(range(1, 900))
            await entries.aclose()

    run(main())


def test_a_slow_reader_may_publish_while_it_is_behind() -> None:
    async def main() -> None:
        async with standing() as (server, _, client):
            entries = client.channel(ROOM, buffer=5).entries()
            first = asyncio.create_task(anext(entries))
            await _subscribed(client)
            await _flood(server, 300)
            await first
            for number in range(1, 300):
                await client.publish("room:2", number)
                assert (await anext(entries)).data == number
            await entries.aclose()

    run(main())


def test_a_reader_that_wants_the_newest_is_told_what_it_is_spared() -> None:
    async def main() -> None:
        async with standing() as (server, _, client):
            events = client.channel(ROOM, buffer=10, policy="drop_oldest").events()
            first = asyncio.create_task(anext(events))
            await _subscribed(client)
            await _flood(server, 100)
            await first
            await eventually(lambda: client.channel(ROOM).position == _at(client, 100), "all came")
            seen = [event async for event in _until(events, 99)]
            assert isinstance(seen[0], Skip)
            assert [each.data for each in seen if isinstance(each, Entry)] == list(range(90, 100))
            await events.aclose()

    run(main())


def _at(client: Client, seq: int) -> Any:
    position = client.channel(ROOM).position
    return position if position is not None and position.seq >= seq else None


async def _until(events: AsyncIterator[Any], last: int) -> AsyncIterator[Any]:
    async for event in events:
        if isinstance(event, Entry | Skip | Gap):
            yield event
        if isinstance(event, Entry) and event.data == last:
            return


# --- ending -----------------------------------------------------------------------------------


def test_leaving_closes_everything_and_closing_again_is_harmless() -> None:
    async def main() -> None:
        async with serve(None, settings_for()) as server:
            before = asyncio.all_tasks()
            async with ann(server, server.port) as client:
                reading = asyncio.create_task(take(client, 1))
                await _subscribed(client)
            assert await reading == []
            await client.close()
            await client.close()
            assert isinstance(client.state, Closed)
            with pytest.raises(ClientClosed):
                await client.publish(ROOM, 1)
            await eventually(
                lambda: not _own_tasks(before) & {"tidewire-client"}, "no task is left"
            )

    run(main())


def test_cancelled_while_it_connects_it_leaves_nothing_behind() -> None:
    async def main() -> None:
        async with serve(None, settings_for()) as server:
            proxy = await server.proxy()
            proxy.black_hole("down")
            before = asyncio.all_tasks()
            entering = asyncio.create_task(ann(server, proxy.port).__aenter__())
            await eventually(lambda: proxy.accepted == 1, "it is connecting")
            entering.cancel()
            with pytest.raises(asyncio.CancelledError):
                await entering
            assert "tidewire-client" not in _own_tasks(before)
            proxy.pass_through()

    run(main())


def test_a_cancelled_reader_is_unsubscribed() -> None:
    async def main() -> None:
        async with standing() as (_, _, client):
            reading = asyncio.create_task(take(client, 1))
            await _subscribed(client)
            reading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading
            while (await client.presence(ROOM)).user_count:
                pass  # each look is a round trip

    run(main())


def test_what_waits_when_it_is_closed_ends_truthfully() -> None:
    async def main() -> None:
        async with standing() as (_, proxy, client):
            proxy.black_hole("down")
            sent = asyncio.create_task(client.publish(ROOM, 1))
            await eventually(lambda: proxy.down.swallowed_bytes > 0, "the answer is swallowed")
            proxy.accepting = False
            proxy.cut()
            await eventually(lambda: not isinstance(client.state, Open), "the cut is noticed")
            waits = asyncio.create_task(client.publish(ROOM, 2))
            await asyncio.sleep(0)
            await client.close()
            with pytest.raises(OutcomeUnknown):
                await sent
            with pytest.raises(NotSent):
                await waits

    run(main())


@pytest.mark.parametrize("path", ["/nowhere"])
def test_a_server_that_will_not_have_us_is_the_end_and_not_a_loop(path: str) -> None:
    async def main() -> None:
        async with serve(None, settings_for()) as server:
            with pytest.raises(ClientClosed, match="404"):
                async with connect(f"ws://127.0.0.1:{server.port}{path}"):
                    pass

    run(main())


@pytest.mark.parametrize("url", ["http://127.0.0.1/ws", "ws://", "127.0.0.1:80"])
def test_what_is_no_websockets_address_fails_at_once(url: str) -> None:
    with pytest.raises(ValueError, match="ws://"):
        connect(url)
