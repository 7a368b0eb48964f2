"""What an application writes against: hooks, a mounted side, and publishing."""

from __future__ import annotations

import asyncio
import inspect
import threading
from typing import Any

import pytest

from tests.support.asynchronous import run
from tests.support.stages import Stage
from tidewire.app import App
from tidewire.app.refused import Refused
from tidewire.errors import CommandRefused, TidewireError
from tidewire.messages import Position
from tidewire.security.handshake import Handshake, read_handshake
from tidewire.security.user import User
from tidewire.server.admission import Authenticate


def _publish(app: App, stage: Stage, channel: str, data: object, **options: Any) -> Position:
    """``app.publish`` with the stage's loop turned until it has an answer."""

    async def scenario() -> Position:
        task = asyncio.ensure_future(app.publish(channel, data, **options))
        while not task.done():
            await asyncio.sleep(0)
            stage.loop.settle()
        return await task

    return run(scenario())


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
def app(stage: Stage) -> App:
    app = App()
    app.attach(stage.node)
    return app


def test_what_an_application_publishes_reaches_everybody(app: App, stage: Stage) -> None:
    screen = stage.connect()
    screen.take()
    position = _publish(app, stage, "lobby", {"price": 4.2}, user_id="shop")
    message = screen.answer()
    assert (message["type"], message["data"], message["from"]) == (
        "message",
        {"price": 4.2},
        "shop",
    )
    assert (position.seq, position.tag) == (message["seq"], message["tag"])


def test_publishing_twice_with_one_key_publishes_once(app: App, stage: Stage) -> None:
    first = _publish(app, stage, "lobby", 1, once="order-7")
    assert _publish(app, stage, "lobby", 1, once="order-7") == first


@pytest.mark.parametrize("channel", ["nowhere", "", "a b", "*"])
def test_a_channel_that_is_not_configured_is_refused(app: App, stage: Stage, channel: str) -> None:
    with pytest.raises(CommandRefused):
        _publish(app, stage, channel, 1)


@pytest.mark.parametrize("data", [object(), {1, object()}])
def test_what_json_cannot_say_is_not_published(app: App, stage: Stage, data: object) -> None:
    with pytest.raises(TypeError):
        _publish(app, stage, "lobby", data)


def test_before_the_server_runs_publishing_says_so() -> None:
    with pytest.raises(TidewireError, match="not running yet"):
        run(App().publish("lobby", 1))


def test_the_hook_stays_what_it_was_for_the_application_to_call() -> None:
    app = App()

    @app.authenticate
    def who(handshake: Handshake) -> User | None:
        return None

    assert app.has_authenticate
    assert app.authenticate_hook is who


def test_a_def_hook_identifies_in_a_thread_so_that_it_may_ask_a_database() -> None:
    app = App()

    @app.authenticate
    def who(handshake: Handshake) -> User | None:
        return User(threading.current_thread().name)

    assert app.authenticator is not None
    user = run(_answer(app.authenticator))
    assert user.id.startswith("tidewire-handler")


def test_a_hook_that_is_an_object_may_answer_something_to_await() -> None:
    """As ``functools.partial`` and its like do."""

    async def later() -> User:
        return User("ann")

    app = App()
    app.authenticate(lambda handshake: later())
    assert app.authenticator is not None
    assert run(_answer(app.authenticator)) == User("ann")


def test_a_hook_may_refuse_as_handlers_do() -> None:
    app = App()

    @app.authenticate(inline=True)
    def nobody(handshake: Handshake) -> User:
        raise Refused("not you")

    assert app.authenticator is not None
    assert run(_answer(app.authenticator)) is None


def test_without_a_hook_nobody_is_asked() -> None:
    assert (App().authenticator, App().authenticate_hook) == (None, None)


async def _answer(authenticate: Authenticate) -> Any:
    handshake = read_handshake("/ws", b"", (), client_ip="127.0.0.1", scheme="http")
    answer = authenticate(handshake)
    return await answer if inspect.isawaitable(answer) else answer
