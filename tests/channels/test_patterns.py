"""Which options a channel's name selects."""

from __future__ import annotations

import pytest

from tidewire.channels.options import ChannelOptions
from tidewire.channels.patterns import MAX_CACHED_NAMES, ChannelTable, includes, placeholders
from tidewire.errors import ConfigError

HERE = ChannelOptions(history_size=1)
THERE = ChannelOptions(history_size=2)


def _matches(pattern: str, name: str) -> bool:
    return ChannelTable([(pattern, HERE)]).options(name) is HERE


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("lobby", "lobby"),
        ("chat:{room}", "chat:42"),
        ("{kind}:{id}", "chat:42"),
        ("{anything}", "lobby"),
        ("prices:*", "prices:eur"),
        ("prices:*", "prices:eur:usd"),
        ("*", "a:b:c"),
        ("a.b", "a.b"),
    ],
)
def test_a_pattern_matches_the_names_it_describes(pattern: str, name: str) -> None:
    assert _matches(pattern, name)


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("lobby", "lobby2"),
        ("lobby", "Lobby"),
        ("chat:{room}", "chat"),
        ("chat:{room}", "chat:42:secret"),
        ("chat:{room}", "chats:42"),
        ("prices:*", "prices"),
        ("a.b", "axb"),
        ("*", "not a name"),
        ("chat:{room}", "chat:*"),
        ("chat:{room}", "chat:4\n"),
    ],
)
def test_a_pattern_matches_nothing_else(pattern: str, name: str) -> None:
    """Catalogue 59: what is no name has no options, whatever the patterns."""
    assert not _matches(pattern, name)


def test_of_two_patterns_that_match_the_first_decides() -> None:
    table = ChannelTable([("chat:vip", HERE), ("chat:{room}", THERE)])
    assert table.options("chat:vip") is HERE
    assert table.options("chat:42") is THERE


@pytest.mark.parametrize(
    "pattern",
    ["", "chat:", "*:a", "a:*:*", "chat:{}", "chat:{room", "chat:x{room}", "a b", "{1}", "**"],
)  # fmt: skip
def test_a_pattern_that_means_nothing_is_named_in_the_mistake(pattern: str) -> None:
    with pytest.raises(ConfigError, match="channel pattern"):
        ChannelTable([(pattern, HERE)])


def test_names_a_client_makes_up_do_not_pile_up() -> None:
    """Catalogue 71: the answer stays right when more names were asked for than are remembered."""
    table = ChannelTable([("chat:{room}", HERE)])
    for number in range(MAX_CACHED_NAMES + 10):
        table.options(f"other:{number}")
    assert table.options("chat:1") is HERE
    assert table.options("other:1") is None


def test_a_patterns_placeholders_are_named_in_order_and_a_wrong_pattern_is_refused() -> None:
    assert placeholders("{kind}:x:{id}") == ("kind", "id")
    assert placeholders("prices:*") == ()
    with pytest.raises(ConfigError):
        placeholders("a:{")


@pytest.mark.parametrize(
    ("wide", "narrow"),
    [
        ("*", "a:{b}"), ("{a}", "lobby"), ("{a}:{b}", "chat:{room}"), ("chat:*", "chat:{room}"),
        ("chat:*", "chat:*"), ("chat:{room}", "chat:{id}"),
    ],
)  # fmt: skip
def test_a_wider_pattern_covers_a_narrower_one(wide: str, narrow: str) -> None:
    assert includes(wide, narrow)


@pytest.mark.parametrize(
    ("pattern", "other"),
    [
        ("lobby", "{a}"),
        ("chat:{room}", "{a}:{b}"),
        ("chat:{room}", "chat:*"),
        ("{a}", "a:b"),
        ("x", "{a}"),
    ],
)
def test_a_narrower_pattern_covers_no_wider_one(pattern: str, other: str) -> None:
    assert not includes(pattern, other)
