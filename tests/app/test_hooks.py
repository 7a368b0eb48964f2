"""The decorators of hooks: how they may be written, and what is wrong with others."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tidewire.app.core import App
from tidewire.app.hooks import KINDS, Hook
from tidewire.errors import ConfigError


def _nothing(*places: Any, **names: Any) -> None: ...


async def _endless() -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize("name", [kind.name for kind in KINDS])
def test_every_hook_gives_back_the_function_it_decorates(name: str) -> None:
    kind = next(each for each in KINDS if each.name == name)
    app = App()
    hook: Hook = getattr(app, name)
    about = ("chat:{room}",) if kind.pattern == "must" else ()
    function = _endless if name == "background" else _nothing
    assert hook(*about)(function) is function
    assert len(app.registry.hooks.of(kind.name, *about)) == 1


def test_a_hook_without_a_pattern_is_about_every_channel() -> None:
    app = App()
    app.on_publish(_nothing)
    app.on_publish("chat:{room}")(_nothing)
    assert len(app.registry.hooks.of("on_publish", "chat:{room}")) == 2
    assert len(app.registry.hooks.of("on_publish", "news")) == 1


def test_a_hooks_own_placeholders_are_handed_over_by_name() -> None:
    app = App()
    app.may_subscribe("chat:{room}")(lambda client, room: True)
    with pytest.raises(TypeError, match="any of channel, room; nobody hands it 'rom'"):
        app.may_publish("chat:{room}")(lambda client, rom: True)


def test_one_function_alone_decides_who_may() -> None:
    app = App()
    app.may_subscribe("chat:{room}")(lambda client: True)
    with pytest.raises(TypeError, match="declared twice"):
        app.may_subscribe("chat:{room}")(lambda client: False)
    app.may_subscribe("news")(lambda client: True)


@pytest.mark.parametrize(
    ("declare", "sentence"),
    [
        (lambda app: app.may_subscribe(lambda client: True), "is about channels"),
        (lambda app: app.on_connect("chat:{room}")(lambda client: None), "takes no pattern"),
        (lambda app: app.on_connect(lambda: None), "has no parameter for the client"),
        (lambda app: app.background(lambda: None), "async def"),
        (lambda app: app.on("move")(_nothing), "takes a type of Message"),
        (lambda app: app.call(_nothing), "takes the method's name"),
        (lambda app: app.every(0)(_nothing), "above zero"),
        (lambda app: app.on_connect(time_limit_s=0)(_nothing), "above zero"),
        (lambda app: app.on_connect(time_limit_s=3600)(_nothing), "above zero, at most"),
        (lambda app: app.call("x", time_limit_s=3600)(lambda client: 1), "above zero, at most"),
        (lambda app: app.sends(int), "takes types of Message"),
    ],
)
def test_a_hook_that_is_written_wrong_says_how_to_write_it(declare: Any, sentence: str) -> None:
    with pytest.raises(TypeError, match=sentence):
        declare(App())


def test_a_pattern_that_is_none_is_refused_where_it_stands() -> None:
    with pytest.raises(ConfigError, match="chat room"):
        App().on_occupied("chat room")
