"""Channels with rules on a real server: tokens, hooks, schemas, users' own, several at once."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from tests.support.asynchronous import eventually, run
from tidewire.app import App, Client
from tidewire.config import Auth, Channel, Settings
from tidewire.config.values import Secret
from tidewire.security.handshake import Handshake
from tidewire.security.user import User
from tidewire.testing.server import serve

SECRET = "a secret for tests of at least thirty-two bytes"


def _settings(*channels: Channel) -> Settings:
    auth = Auth(anonymous=True, secrets=(Secret(SECRET),))
    return Settings(auth=auth, channels=channels)


def test_a_token_says_where_its_user_may_publish_and_where_it_is_subscribed() -> None:
    """Catalogue 73 and 74."""

    async def talk() -> None:
        settings = _settings(
            Channel(pattern="paid:{name}", may_subscribe="token", may_publish="token"),
            Channel(pattern="user:{userId}", may_publish="nobody", subscribed_by_server=True),
        )
        async with serve(settings=settings) as server:
            claims: dict[str, Any] = {
                "channels": {"paid:{name}": ["publish"]},
                "subscribe": ["paid:1"],
            }
            ann = await server.connect(token=server.token("ann", **claims))
            assert (await ann.expect("subscribed"))["channel"] == "user:ann"
            assert (await ann.expect("subscribed"))["channel"] == "paid:1"
            command = {"type": "publish", "channel": "paid:1", "data": 1}
            assert (await ann.request(command))["type"] == "published"
            assert (await ann.expect("message"))["data"] == 1
            refused = await ann.request({"type": "history", "channel": "paid:1"})
            assert refused["code"] == "forbidden"

    run(talk())


def test_a_schema_in_a_file_guards_what_clients_publish(tmp_path: Path) -> None:
    schema = tmp_path / "price.json"
    schema.write_text(json.dumps({"type": "number", "minimum": 0}))

    async def talk() -> None:
        settings = _settings(Channel(pattern="prices", schema=str(schema), keeps_latest=True))
        async with serve(settings=settings) as server:
            ann = await server.connect("ann")
            price = {"type": "publish", "channel": "prices", "key": "eur"}
            assert (await ann.request({**price, "data": 1.5}))["type"] == "published"
            refused = await ann.request({**price, "data": -1})
            assert (refused["code"], "minimum" in refused["message"]) == ("malformed", True)
            latest = await ann.request({"type": "subscribe", "channel": "prices"})
            assert [each["data"] for each in latest["messages"]] == [1.5]

    run(talk())


def test_several_channels_are_subscribed_to_in_one_command() -> None:
    async def talk() -> None:
        settings = _settings(Channel(pattern="room:{name}"))
        async with serve(settings=settings) as server:
            ann = await server.connect("ann")
            places = [{"channel": f"room:{name}"} for name in "ab"] + [{"channel": "vault"}]
            answer = await ann.request({"type": "subscribe", "channels": places})
            assert (answer["channels"], answer["refused"]) == (["room:a", "room:b"], ["vault"])

    run(talk())


def _asking_app(asked: list[str]) -> App:
    app = App()
    app.channel("club:{name}")

    @app.authenticate
    def who(handshake: Handshake) -> User:
        asked.append("who")
        return User("ann")

    @app.may_subscribe("club:{name}")
    def may(client: Client, name: str) -> bool:
        asked.append(name)
        return name == "chess"

    return app


def test_a_client_that_comes_back_with_its_grants_asks_the_application_nothing() -> None:
    """Catalogue 72."""
    asked: list[str] = []

    async def come_back() -> None:
        async with serve(_asking_app(asked), Settings()) as server:
            first = await server.connect()
            grant = (await first.expect("connected"))["grant"]
            club = {"type": "subscribe", "channel": "club:chess"}
            subscribed = await first.request(club)
            assert asked == ["who", "chess"]
            await first.abort()
            shown = [("Sec-WebSocket-Protocol", f"resume.{grant}")]
            second = await server.connect(headers=shown)
            assert (await second.expect("connected"))["userId"] == "ann"
            again = await second.request({**club, "grant": subscribed["grant"]})
            assert (again["type"], asked) == ("subscribed", ["who", "chess"])
            refused = await second.request({**club, "channel": "club:go"})
            assert (refused["code"], asked[2:]) == ("forbidden", ["go"])

    run(come_back())


def test_the_application_lets_newcomers_in_and_says_where_they_are_subscribed() -> None:
    async def come() -> None:
        app = App()
        app.channel("welcome", subscribe="nobody")

        @app.on_connect
        async def greet(client: Client) -> list[str]:
            return ["welcome"]

        async with serve(app) as server:
            ann = await server.connect("ann")
            assert (await ann.expect("subscribed"))["channel"] == "welcome"
            await app.publish("welcome", "hello")
            assert (await ann.expect("message"))["data"] == "hello"

    run(come())


def test_what_is_sent_before_the_application_has_let_one_in_waits() -> None:
    """Catalogue 27."""

    async def hurry() -> None:
        app, may_enter = App(), asyncio.Event()
        told: list[str] = []

        @app.on_connect
        async def greet(client: Client) -> None:
            told.append("asked")
            await may_enter.wait()

        @app.on_disconnect
        async def gone(client: Client, reason: str) -> None:
            told.append("gone")

        async with serve(app) as server:
            ann = await server.connect("ann")
            await ann.send({"type": "chat", "text": "hello"}, {"type": "ping", "id": 1})
            await eventually(lambda: told == ["asked"])
            may_enter.set()
            kinds = [(await ann.receive())["type"] for _ in range(3)]
            assert kinds[0] == "connected"
            assert sorted(kinds[1:]) == ["chat", "pong"]
            await ann.close()
            await eventually(lambda: told == ["asked", "gone"])

    run(hurry())
