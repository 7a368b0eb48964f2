"""An application, from its clients' side: over real sockets."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Annotated, Any

import httpx
import pytest
from msgspec import Meta, Struct

from tests.support.asynchronous import eventually, run
from tidewire import App, Client, Message, Refused
from tidewire.config import Auth, Server, Settings
from tidewire.testing.client import DialectName, Disconnected, connect
from tidewire.testing.server import serve


class Move(Message, type="move"):
    x: Annotated[int, Meta(ge=0, lt=100)]


class Moved(Message, type="moved"):
    x: int
    by: str


class Chat(Struct):
    text: Annotated[str, Meta(max_length=5)]


@pytest.mark.parametrize("dialect", ["json", "msgpack"])
def test_a_message_reaches_its_handler_and_its_id_is_answered_with_result(
    dialect: DialectName,
) -> None:
    app = App()

    @app.on(Move)
    async def move(client: Client, move: Move) -> None:
        client.send(Moved(move.x, client.user.id))

    async def scenario() -> None:
        async with serve(app) as server:
            ann = await server.connect("ann", dialect=dialect)
            await ann.send({"type": "move", "x": 3, "unknown": True})
            assert await ann.expect("moved") == {"type": "moved", "x": 3, "by": "ann"}
            answer = await ann.request({"type": "move", "x": 4})
            assert answer["type"] == "result"

    run(scenario())


@pytest.mark.parametrize(
    ("message", "reason"),
    [({"x": 100}, "<= 99"), ({}, "missing required field `x`"), ({"x": "3"}, "Expected `int`")],
)
def test_a_message_that_does_not_fit_is_malformed_with_the_reason(
    message: dict[str, Any], reason: str
) -> None:
    app = App()
    app.on(Move)(_nothing)

    async def scenario() -> dict[str, Any]:
        async with serve(app) as server:
            return await (await server.connect()).request({"type": "move", **message})

    answer = run(scenario())
    assert answer["code"] == "malformed"
    assert reason in answer["message"]


def test_the_messages_of_one_client_are_handled_in_their_order_by_thread_or_loop() -> None:
    app, seen = App(), list[int]()

    @app.on(Move)
    def move(client: Client, move: Move) -> None:
        seen.append(move.x)

    async def scenario() -> None:
        async with serve(app) as server:
            ann = await server.connect("ann")
            await ann.send(*({"type": "move", "x": n} for n in range(50)))
            await ann.request({"type": "move", "x": 50})

    run(scenario())
    assert seen == list(range(51))


def test_a_failing_handler_is_told_as_an_internal_error_and_the_client_lives_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = App()

    @app.on(Move)
    async def move(client: Client, move: Move) -> None:
        raise KeyError("secret")

    async def scenario() -> tuple[dict[str, Any], dict[str, Any]]:
        async with serve(app) as server:
            ann = await server.connect("ann")
            return await ann.request({"type": "move", "x": 1}), await ann.request({"type": "ping"})

    failure, pong = run(scenario())
    assert (failure["code"], failure["message"], pong["type"]) == (
        "internal",
        "internal error",
        "pong",
    )
    assert "a handler failed" in caplog.text


def test_a_call_is_answered_and_an_unknown_method_refused() -> None:
    app = App()

    @app.call("add")
    def add(client: Client, one: int, other: int = 1) -> int:
        return one + other

    async def scenario() -> None:
        async with serve(app) as server:
            ann = await server.connect("ann")
            assert (await ann.request(_call("add", {"one": 3, "other": 4})))["data"] == 7
            assert (await ann.request(_call("add", [3])))["data"] == 4
            assert (await ann.request(_call("add", {"one": "3"})))["code"] == "malformed"
            unknown = await ann.request(_call("subtract", []))
            assert (unknown["code"], unknown["message"]) == (
                "malformed",
                "there is no method 'subtract'",
            )

    run(scenario())


def test_an_answer_that_json_cannot_say_is_an_internal_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = App()
    app.call("odd", inline=True)(lambda client: object())

    async def scenario() -> str:
        async with serve(app) as server:
            return str((await (await server.connect()).request(_call("odd")))["code"])

    assert run(scenario()) == "internal"
    assert "a call's answer is not JSON" in caplog.text


def test_on_connect_sets_state_names_subscriptions_and_may_refuse() -> None:
    app = App()
    app.channel("game:{room}")

    @app.on_connect
    async def enter(client: Client) -> list[str]:
        if client.user.id == "eve":
            raise Refused("not you")
        client.state.room = "7"
        return ["game:7"]

    @app.call("room")
    def room(client: Client) -> str:
        return str(client.state.room)

    async def scenario() -> None:
        async with serve(app) as server:
            ann = await server.connect("ann")
            await ann.expect("connected")
            await ann.expect("subscribed", channel="game:7")
            assert (await ann.request(_call("room")))["data"] == "7"
            eve = await server.connect("eve")
            with pytest.raises(Disconnected) as end:
                await eve.receive()
            assert (end.value.code, end.value.reason) == (4003, "not you")

    run(scenario())


def test_what_happens_to_a_client_is_told_in_order_from_first_to_last() -> None:
    app, seen = App(), list[str]()
    app.channel("game:{room}")

    @app.on_connect
    async def enter(client: Client) -> None:
        client.state.name = client.user.id

    @app.on_subscribe("game:{room}")
    async def joined(client: Client, room: str) -> None:
        seen.append(f"{client.state.name} in {room}")

    @app.on_unsubscribe("game:{room}")
    async def left(client: Client, channel: str) -> None:
        seen.append(f"{client.id == client.id and client.user.id} out of {channel}")

    @app.on_disconnect
    async def gone(client: Client, code: int) -> None:
        seen.append(f"{client.state.name} gone {code}")

    async def scenario() -> None:
        async with serve(app) as server:
            ann = await server.connect("ann")
            await ann.request({"type": "subscribe", "channel": "game:7"})
            await ann.close()
            await eventually(lambda: len(seen) == 3)

    run(scenario())
    assert seen == ["ann in 7", "ann out of game:7", "ann gone 1000"]


def test_a_channel_is_occupied_by_its_first_subscriber_and_vacated_by_its_last() -> None:
    app, seen = App(), list[str]()
    app.channel("game:{room}")

    @app.on_occupied("game:{room}")
    async def opened(room: str) -> None:
        seen.append(f"+{room}")

    @app.on_vacated("game:{room}")
    async def closed(room: str) -> None:
        seen.append(f"-{room}")

    async def scenario() -> None:
        async with serve(app) as server:
            ann, ben = await server.connect("ann"), await server.connect("ben")
            for client in (ann, ben):
                await client.request({"type": "subscribe", "channel": "game:7"})
            for client in (ann, ben):
                await client.request({"type": "unsubscribe", "channel": "game:7"})
            await eventually(lambda: len(seen) == 2)

    run(scenario())
    assert seen == ["+7", "-7"]


def test_whoever_is_there_when_the_server_drains_has_gone_and_so_has_every_room() -> None:
    """Catalogue 69, 91: no ghost is left with the application, though no client answers."""
    app, seen = App(), list[str]()
    app.channel("game:{room}")
    app.on_vacated("game:{room}")(lambda room: seen.append(f"-{room}"))
    app.on_disconnect(lambda client, code: seen.append(f"{client.user.id} {code}"))
    settings = Settings(auth=Auth(anonymous=True), server=Server(drain_timeout_s=1))

    async def scenario() -> None:
        async with AsyncExitStack() as clients:
            async with serve(app, settings) as server:
                for name in ("ann", "ben"):
                    opening = connect(server.websocket_url, token=server.token(name))
                    client = await clients.enter_async_context(await opening)
                    await client.request({"type": "subscribe", "channel": "game:7"})
            assert app.side.client_count == 0

    run(scenario())
    assert sorted(seen) == ["-7", "ann 1012", "ben 1012"]


def test_hooks_decide_who_may_on_every_path() -> None:
    """Catalogue 73, 74."""
    app = App()
    app.channel("chat:{room}", read_history="hook")

    @app.may_subscribe("chat:{room}")
    def may_enter(client: Client, room: str) -> bool:
        return room == client.user.id

    @app.may_read_history("chat:{room}")
    async def may_look_back(client: Client) -> bool:
        return client.user.id == "ann"

    async def scenario() -> None:
        async with serve(app) as server:
            for name, channel, codes in (
                ("ann", "chat:ann", (None, None, None)),
                ("ben", "chat:ann", ("forbidden",) * 3),
                ("ben", "chat:ben", (None, None, "forbidden")),
            ):
                client = await server.connect(name)
                answers = [
                    await client.request({"type": kind, "channel": channel, **fields})
                    for kind, fields in (
                        ("subscribe", {}), ("publish", {"data": 1}), ("history", {}),
                    )
                ]  # fmt: skip
                assert tuple(answer.get("code") for answer in answers) == codes, (name, channel)

    run(scenario())


def test_on_publish_may_change_or_refuse_what_clients_publish() -> None:
    app = App()
    app.channel("chat:{room}", Chat, publish="anyone")

    @app.on_publish("chat:{room}")
    async def mind_your_language(client: Client, data: Chat, room: str) -> Chat | None:
        if data.text == "damn":
            raise Refused("please")
        return Chat("****") if data.text == "darn" else None

    async def scenario() -> list[Any]:
        async with serve(app) as server:
            ann = await server.connect("ann")
            said = [
                await ann.request({"type": "publish", "channel": "chat:1", "data": {"text": text}})
                for text in ("hello", "darn", "damn", "too long")
            ]
            past = await app.history("chat:1")
            return [*(each.get("code") for each in said), [each.data for each in past.entries]]

    assert run(scenario()) == [None, None, "forbidden", "malformed", [Chat("hello"), Chat("****")]]


def test_a_typed_channel_takes_what_fits_from_clients_and_messages_from_the_application() -> None:
    app = App()
    game = app.channel("game:{room}", Move, Moved, publish="anyone")

    async def scenario() -> None:
        async with serve(app) as server:
            ann = await server.connect("ann")
            await ann.request({"type": "subscribe", "channel": "game:1"})
            bad = await ann.request({"type": "publish", "channel": "game:1", "data": {"x": 1}})
            assert bad["code"] == "malformed"
            move = {"type": "move", "x": 1}
            await ann.request({"type": "publish", "channel": "game:1", "data": move})
            await game("1").publish(Moved(2, "ben"))
            assert (await ann.expect("message"))["data"] == move
            moved = {"type": "moved", "x": 2, "by": "ben"}
            assert (await ann.expect("message"))["data"] == moved

    run(scenario())


def test_a_hook_that_nobody_declared_lets_nobody_in(caplog: pytest.LogCaptureFixture) -> None:
    app = App()
    app.channel("chat:{room}", subscribe="hook")

    async def scenario() -> Any:
        async with serve(app) as server:
            ann = await server.connect("ann")
            return (await ann.request({"type": "subscribe", "channel": "chat:1"})).get("code")

    assert run(scenario()) == "forbidden"
    assert "a hook that nobody declared" in caplog.text


def test_nothing_is_kept_of_who_has_gone_or_only_asks() -> None:
    """Catalogue 70."""
    app = App()
    app.channel("chat:{room}")
    app.may_subscribe("chat:{room}")(lambda client: True)
    app.on_subscribe(lambda client: None)
    app.on_connect(lambda client: None)
    app.on_publish(lambda client, data: None)

    async def scenario() -> int:
        async with serve(app) as server:
            ann = await server.connect("ann")
            await ann.request({"type": "subscribe", "channel": "chat:1"})
            headers = {"authorization": f"Bearer {server.token('ben')}"}
            async with httpx.AsyncClient(headers=headers) as http:
                polled = await http.get(f"{server.url}/poll?channel=chat:1&wait=0")
                entry = {"channel": "lobby", "data": 1}
                posted = await http.post(f"{server.url}/publish", json=entry)
            assert max(polled.status_code, posted.status_code) < 400, (polled.text, posted.text)
            before = app.side.client_count
            await ann.close()
            await eventually(lambda: app.side.client_count == 0)
            return before

    assert run(scenario()) == 1


def test_start_background_ticks_and_stop_live_as_long_as_the_server() -> None:
    app, seen = App(), list[str]()

    @app.on_start
    async def open_up() -> None:
        seen.append("start")

    @app.background
    async def listen() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            seen.append("background ends")

    @app.every(0.001, lease="ticks")
    async def tick() -> None:
        seen.append("tick")

    @app.on_stop
    def close_down() -> None:
        seen.append("stop")

    async def scenario() -> None:
        async with serve(app):
            await eventually(lambda: "tick" in seen)

    run(scenario())
    assert (seen[0], seen[-2:]) == ("start", ["background ends", "stop"])


def test_a_background_task_that_fails_is_logged_and_the_server_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = App()

    @app.background
    async def fail() -> None:
        raise KeyError("gone")

    async def scenario() -> None:
        async with serve(app) as server:
            await eventually(lambda: "a background task failed" in caplog.text)
            assert (await (await server.connect()).request({"type": "ping"}))["type"] == "pong"

    run(scenario())


def test_a_tick_that_fails_is_logged_and_the_next_one_comes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app, seen = App(), list[int]()

    @app.every(0.001, inline=True)
    def tick() -> None:
        seen.append(1)
        raise KeyError

    async def scenario() -> None:
        async with serve(app):
            await eventually(lambda: len(seen) > 2)

    run(scenario())
    assert "a handler failed" in caplog.text


def _nothing(client: Client, message: Any) -> None: ...


def _call(method: str, data: Any = None) -> dict[str, Any]:
    return {"type": "call", "method": method, "data": data}
