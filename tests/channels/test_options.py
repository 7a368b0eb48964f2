"""Who may do what in a channel."""

from __future__ import annotations

from typing import get_args

import pytest

from tidewire.channels.options import Access, Action, ChannelOptions, is_allowed


@pytest.mark.parametrize(
    ("access", "is_anonymous", "allowed"),
    [
        ("anyone", True, True),
        ("anyone", False, True),
        ("authenticated", True, False),
        ("authenticated", False, True),
        ("nobody", True, False),
        ("nobody", False, False),
    ],
)
def test_access_is_what_its_word_says(access: Access, is_anonymous: bool, allowed: bool) -> None:
    assert is_allowed(access, is_anonymous=is_anonymous) == allowed


@pytest.mark.parametrize("access", ["hook", "token", "subscribers"])
def test_access_that_depends_on_more_than_the_client_is_not_given_by_itself(access: Access) -> None:
    assert not is_allowed(access, is_anonymous=False)


def test_each_action_has_its_own_word_and_reading_is_as_subscribing_unless_it_is_said() -> None:
    told = ChannelOptions(
        may_subscribe="anyone",
        may_publish="nobody",
        may_read_history="token",
        may_read_presence="hook",
    )
    actions: tuple[Action, ...] = get_args(Action)
    assert [told.access(action) for action in actions] == ["anyone", "nobody", "token", "hook"]
    silent = ChannelOptions(may_subscribe="subscribers", may_publish="nobody")
    assert [silent.access(action) for action in actions] == [
        "subscribers", "nobody", "subscribers", "subscribers",
    ]  # fmt: skip
