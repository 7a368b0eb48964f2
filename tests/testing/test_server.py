"""The server inside a test is a whole one."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.support.asynchronous import run
from tidewire.app import App
from tidewire.config import Auth, Channel, Settings
from tidewire.errors import HandshakeRefused, StartFailed
from tidewire.testing.client import Disconnected, connect
from tidewire.testing.clock import FakeClock
from tidewire.testing.server import for_tests, serve


def test_clients_are_who_the_test_says_and_see_each_other() -> None:
    async def scenario() -> None:
        async with serve() as server:
            ann = await server.connect("ann")
            assert (await ann.expect("connected"))["userId"] == "ann"
            ben = await server.connect("ben", dialect="json", timeout_s=60)
            await ann.expect("user_joined", userId="ben")
            await ben.send({"type": "chat", "text": "hi"})
            assert (await ann.expect("chat"))["from"] == "ben"

    run(scenario())


def test_a_guest_is_let_in_unless_the_settings_say_otherwise() -> None:
    async def scenario() -> None:
        async with serve() as server:
            await (await server.connect()).expect("connected")
        async with serve(settings=Settings(auth=Auth(audience="us", issuer="them"))) as server:
            with pytest.raises(HandshakeRefused):
                await server.connect()
            await (await server.connect("ann")).expect("connected")

    run(scenario())


def test_a_token_may_carry_more_claims() -> None:
    async def scenario() -> object:
        async with serve() as server:
            ann = await server.connect(token=server.token("ann", info={"name": "Ann"}))
            return (await ann.expect("connected"))["info"]

    assert run(scenario()) == {"name": "Ann"}


def test_the_servers_clock_is_the_tests() -> None:
    """What is kept for a second is gone when the test says that it has passed."""
    clock = FakeClock()
    settings = for_tests(None)
    settings = replace(settings, channels=(Channel(pattern="brief", history_ttl_s=1.0),))

    async def scenario() -> list[int]:
        app = App()
        async with serve(app, settings, clock=clock):
            await app.publish("brief", 1)
            before = len((await app.history("brief")).entries)
            clock.advance(2)
            return [before, len((await app.history("brief")).entries)]

    assert run(scenario()) == [1, 0]


def test_leaving_closes_every_client_and_the_port() -> None:
    async def scenario() -> None:
        async with serve() as server:
            client = await server.connect("ann")
        with pytest.raises(Disconnected):
            await client.receive()
        with pytest.raises(OSError, match=r"\d"):
            await connect(server.websocket_url)

    run(scenario())


def test_a_proxy_in_front_cuts_what_a_test_wants_cut() -> None:
    async def scenario() -> None:
        async with serve() as server:
            proxy = await server.proxy()
            client = await connect(f"ws://127.0.0.1:{proxy.port}/ws")
            await client.expect("connected")
            proxy.cut()
            with pytest.raises(Disconnected):
                await client.receive()
            await client.close()
            assert proxy.connections_cut == 1

    run(scenario())


def test_an_application_that_cannot_start_is_said_so() -> None:
    app = App()

    @app.on_start
    async def fail() -> None:
        raise KeyError("no database")

    async def scenario() -> None:
        with pytest.raises(StartFailed):
            async with serve(app):
                pass

    run(scenario())
