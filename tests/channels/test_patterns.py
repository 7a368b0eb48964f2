"""Which options a channel's name selects."""

from __future__ import annotations

import pytest

from tidewire.channels.options import ChannelOptions
from tidewire.channels.patterns import (
    MAX_CACHED_NAMES,
    ChannelTable,
    covers,
    includes,
    placeholders,
)
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


# --- one user's own, and what the server subscribes everybody to -------------------------------

BY_SERVER = ChannelOptions(subscribed_by_server=True)


@pytest.mark.parametrize(
    ("user_id", "is_open"),
    [("ann", True), ("bob", False), ("Ann", False), ("ann ", False), ("ann=20", False)],
)
def test_a_channel_with_an_owner_is_open_to_that_user_alone(user_id: str, is_open: bool) -> None:
    """Catalogue 76: no id of another can stand in the name as this one does."""
    found = ChannelTable([("user:{userId}", HERE)]).find("user:ann")
    assert found is not None
    assert found.is_open_to(user_id) is is_open


def test_a_channel_without_an_owner_is_open_to_all() -> None:
    found = ChannelTable([("chat:{room}", HERE)]).find("chat:ann")
    assert found is not None
    assert found.is_open_to("bob")


def test_the_server_subscribes_a_user_to_what_is_for_all_and_to_its_own() -> None:
    table = ChannelTable([("news", BY_SERVER), ("user:{userId}", BY_SERVER), ("chat:{room}", HERE)])
    assert table.names_for("ann") == ["news", "user:ann"]
    (_, own) = table.names_for("ann ä/")
    found = table.find(own)
    assert found is not None
    assert found.is_open_to("ann ä/")


@pytest.mark.parametrize("pattern", ["chat:{room}", "news:*", "user:{userId}:{device}"])
def test_the_server_cannot_subscribe_anybody_to_a_family_of_channels(pattern: str) -> None:
    with pytest.raises(ConfigError, match="subscribed_by_server needs one channel"):
        ChannelTable([(pattern, BY_SERVER)])


@pytest.mark.parametrize(
    ("pattern", "name", "is_covered"),
    [
        ("chat:{room}", "chat:1", True),
        ("chat:*", "chat:1:2", True),
        ("chat:{room}", "chat:1:2", False),
        ("chat", "chats", False),
        ("no pattern", "chat", False),
        ("(a+)+$", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", False),
    ],
)
def test_a_pattern_in_a_token_covers_what_it_says_and_nonsense_covers_nothing(
    pattern: str, name: str, is_covered: bool
) -> None:
    """Catalogue 14 and 25."""
    assert covers(pattern, name) is is_covered
