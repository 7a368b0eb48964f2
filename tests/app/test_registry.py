"""What an application has declared, and whether it fits together."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import Struct

from tidewire.app.core import App
from tidewire.app.message import Message
from tidewire.channels.options import ChannelOptions
from tidewire.errors import ConfigError


class Chat(Struct):
    text: str


def _rules(app: App, **configured: ChannelOptions) -> dict[str, ChannelOptions]:
    return dict(app.registry.rules(configured.items(), ChannelOptions()))


def test_what_is_declared_goes_before_what_is_configured() -> None:
    app = App()
    app.channel("{any}", history=1)
    rules = app.registry.rules([("news", ChannelOptions())], ChannelOptions())
    assert [pattern for pattern, _ in rules] == ["{any}", "news"]


def test_declaring_a_hook_leaves_that_access_to_it() -> None:
    app = App()
    app.channel("chat:{room}", read_history="nobody")
    app.may_subscribe("chat:{room}")(lambda client: True)
    app.may_read_presence("news")(lambda client: True)
    rules = _rules(app, news=ChannelOptions())
    chat, news = rules["chat:{room}"], rules["news"]
    assert (chat.may_subscribe, chat.may_publish) == ("hook", "subscribers")
    assert (chat.access("history"), chat.access("presence")) == ("nobody", "hook")
    assert (news.may_subscribe, news.may_read_presence) == ("anyone", "hook")


def test_a_hook_about_a_channel_that_nobody_has_is_a_mistake_at_the_start() -> None:
    app = App()
    app.on_occupied("game:{id}")(lambda id: None)  # noqa: A006
    with pytest.raises(ConfigError, match=r"on_occupied\('game:\{id\}'\) is about a channel"):
        _rules(app)


def test_data_is_read_as_the_channels_type_or_as_plain_json() -> None:
    app = App()
    app.channel("chat:{room}", Chat)
    assert app.registry.read("chat:{room}", '{"text":"hi"}') == Chat("hi")
    assert app.registry.read("news", '{"text":"hi"}') == {"text": "hi"}


def test_a_handler_of_another_message_is_refused_where_it_is_declared() -> None:
    class Move(Message, type="move"):
        x: int

    class Step(Message, type="step"):
        y: int

    def step(client: Any, step: Step) -> None: ...

    step.__annotations__["step"] = Step  # as it is for a type of a module
    with pytest.raises(TypeError, match="step takes a Step, and is called with a Move"):
        App().on(Move)(step)


def test_a_message_that_json_cannot_say_is_refused_where_it_is_declared() -> None:
    class Odd(Message, type="odd"):
        what: type[int] | complex

    with pytest.raises(TypeError, match="Odd cannot be read from JSON"):
        App().on(Odd)(lambda client, message: None)


def test_a_message_and_a_method_have_one_handler() -> None:
    class Move(Message, type="move"):
        x: int

    class Step(Message, type="move"):
        y: int

    def handle(client: Any, message: Any) -> None: ...

    app = App()
    app.on(Move)(handle)
    with pytest.raises(TypeError, match="'move' are handled by"):
        app.on(Step)(handle)
    app.call("score")(lambda client: 1)
    with pytest.raises(TypeError, match="'score' is declared twice"):
        app.call("score")(lambda client: 2)
