"""One declaration carries a channel's types, options and permissions."""

from __future__ import annotations

import re
from typing import Annotated, Any

import pytest
from msgspec import Meta, Struct

from tidewire.app.channels import WHO_PUBLISHES, Channel, declare
from tidewire.app.core import App
from tidewire.app.message import Message
from tidewire.channels.options import ChannelOptions
from tidewire.errors import CommandRefused, ConfigError


class Chat(Struct):
    text: Annotated[str, Meta(min_length=1)]


class Move(Message, type="move"):
    x: int


class Bell(Message, type="bell"):
    pass


def _options(*types: Any, **keywords: Any) -> ChannelOptions:
    return declare("chat:{room}", types, keywords).options(ChannelOptions(history_size=7))  # type: ignore[arg-type]


def test_what_is_not_said_is_as_the_settings_have_it() -> None:
    assert _options().history_size == 7
    assert _options(history=100, latest=True, subscribe="authenticated") == ChannelOptions(
        history_size=100,
        keeps_latest=True,
        may_subscribe="authenticated",
        may_publish=WHO_PUBLISHES,
    )


def test_unless_said_otherwise_only_subscribers_publish() -> None:
    """So a hook that guards who may subscribe guards what they may write, too."""
    assert _options().may_publish == "subscribers"
    assert _options(publish="anyone").may_publish == "anyone"


@pytest.mark.parametrize(
    ("types", "data", "reason"),
    [
        ((Chat,), '{"text":""}', "length >= 1"),
        ((Any,), "[" * 100_000, "nested"),
        ((Move, Bell), '{"type":"jump","x":1}', "Invalid value 'jump'"),
        ((Move, Bell), '{"x":1}', "missing required field `type`"),
        ((int, str), "null", "Expected `int | str`"),
    ],
)
def test_data_that_fits_no_type_of_the_channel_is_refused_with_the_reason(
    types: tuple[Any, ...], data: str, reason: str
) -> None:
    check = _options(*types).check
    assert check is not None
    with pytest.raises(ValueError, match=re.escape(reason)):
        check(data)


def test_data_that_fits_one_of_the_types_is_let_through() -> None:
    check = _options(Move, Bell).check
    assert check is not None
    check('{"type":"move","x":1}')
    check('{"type":"bell"}')


def test_types_that_cannot_be_told_apart_are_refused_where_they_are_declared() -> None:
    class Other(Struct):
        text: str

    with pytest.raises(TypeError, match="are Messages"):
        _options(Chat, Other)


def test_an_option_that_is_not_there_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match="knows no option histroy"):
        _options(histroy=3)


@pytest.mark.parametrize("pattern", ["", "a b", "{a}:{a}", "*:x"])
def test_a_pattern_that_is_none_fails_where_it_is_declared(pattern: str) -> None:
    with pytest.raises(ConfigError):
        App().channel(pattern)


def test_a_family_of_channels_is_called_for_one_of_them() -> None:
    chat = App().channel("chat:{team}:{room}", Chat)
    assert chat("red", "42").name == "chat:red:42"
    assert chat("red", room="42").name == "chat:red:42"
    assert chat(team="a b:c", room="é").name == "chat:a=20b=3Ac:=C3=A9"


def test_text_from_outside_cannot_make_another_channel_of_it() -> None:
    """Catalogue 59."""
    chat = App().channel("chat:{room}", Chat)
    assert chat("1:secret").name == "chat:1=3Asecret"
    with pytest.raises(CommandRefused):
        chat("")


@pytest.mark.parametrize("values", [(), ("1", "2")])
def test_placeholders_are_all_given_and_no_more(values: tuple[str, ...]) -> None:
    with pytest.raises(TypeError, match="needs room"):
        App().channel("chat:{room}", Chat)(*values)


def test_a_channel_without_placeholders_is_one_and_a_family_is_not() -> None:
    assert App().channel("news").name == "news"
    family: Channel[Any] = App().channel("chat:{room}")
    with pytest.raises(TypeError, match="say which"):
        _ = family.name


def test_a_pattern_is_declared_once() -> None:
    app = App()
    app.channel("news")
    with pytest.raises(TypeError, match="twice"):
        app.channel("news")
