"""The rules of one client, as a table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

import pytest
from msgspec import UNSET

from tidewire.channels.options import Access, Action, ChannelOptions
from tidewire.channels.patterns import ChannelTable, Found
from tidewire.errors import CommandRefused
from tidewire.messages import Position
from tidewire.security.rates import Rate, SharedBuckets
from tidewire.security.user import User
from tidewire.session import MAX_WRITINGS, Session, SessionLimits

OPEN = ChannelOptions()
MEMBERS = ChannelOptions(may_subscribe="authenticated", may_publish="authenticated")

ANN = User("ann")
GUEST = User("guest", is_anonymous=True)
LIMITS = SessionLimits(
    publications=Rate(2, 2),
    publication_bytes=Rate(1000, 2000),
    frames=Rate(10, 10),
    refusals=3,
    subscriptions=2,
    unanswered_ids=2,
)


def _anything() -> SharedBuckets[str]:
    """A user's own rate, where it is not what a test is about."""
    return SharedBuckets(Rate(1e9, 1_000_000), 10)


def _session(user: User = ANN) -> Session:
    return Session("c1", user, LIMITS)


def _refusal(act: Callable[..., object], *args: object) -> CommandRefused:
    with pytest.raises(CommandRefused) as refusal:
        act(*args)
    return refusal.value


def _is_allowed(act: Callable[..., object], *args: object) -> bool:
    try:
        act(*args)
    except CommandRefused:
        return False
    return True


# --- who may do what --------------------------------------------------------------------------


def _found(options: ChannelOptions, name: str = "room") -> Found:
    found = ChannelTable([("user:{userId}", options), ("*", options)]).find(name)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("user", "access", "may"),
    [
        pytest.param(ANN, "anyone", True, id="a user, anyone"),
        pytest.param(GUEST, "anyone", True, id="a guest, anyone"),
        pytest.param(ANN, "authenticated", True, id="a user among members"),
        pytest.param(GUEST, "authenticated", False, id="a guest among members"),
        pytest.param(ANN, "nobody", False, id="nobody"),
        pytest.param(ANN, "hook", None, id="the application is to say"),
        pytest.param(ANN, "token", False, id="a token that says nothing"),
        pytest.param(ANN, "subscribers", False, id="not subscribed"),
    ],
)
@pytest.mark.parametrize("action", get_args(Action))
def test_a_client_may_do_what_its_channel_allows_and_nothing_else(
    user: User, access: Access, may: bool | None, action: Action
) -> None:
    """Catalogue 73 and 74: each way in has its own rule, and no other way leads around it."""
    words = ("may_subscribe", "may_publish", "may_read_history", "may_read_presence")
    given: dict[str, Any] = dict.fromkeys(words, "nobody")
    given.update({word: access for word in words if word.endswith(action)})
    options = ChannelOptions(**given)
    assert _session(user).may(action, _found(options)) is may


@pytest.mark.parametrize("action", ["history", "presence"])
def test_whoever_may_subscribe_may_read_unless_something_else_is_said(action: Action) -> None:
    """Catalogue 74."""
    assert _session(GUEST).may(action, _found(MEMBERS)) is False
    assert _session(ANN).may(action, _found(MEMBERS)) is True


def test_subscribers_may_while_they_are_subscribed() -> None:
    session, found = _session(), _found(ChannelOptions(may_publish="subscribers"))
    session.subscriptions["room"] = Position("e", 0)
    assert session.may("publish", found)


@pytest.mark.parametrize(
    ("pattern", "actions", "may"),
    [
        ("room", {"publish"}, True),
        ("{any}", {"publish", "subscribe"}, True),
        ("*", {"subscribe"}, False),
        ("other", {"publish"}, False),
        ("no pattern", {"publish"}, False),
    ],
)
def test_a_token_opens_what_it_names_and_nothing_else(
    pattern: str, actions: set[str], may: bool
) -> None:
    """Catalogue 25."""
    user = User("ann", capabilities=((pattern, frozenset(actions)),))
    found = _found(ChannelOptions(may_publish="token"))
    assert _session(user).may("publish", found) is may


def test_a_users_own_channel_is_closed_to_all_others_but_for_writing() -> None:
    """Catalogue 74: whatever the token says."""
    bob = User("bob", capabilities=(("*", frozenset(get_args(Action))),))
    for options in (OPEN, ChannelOptions(may_subscribe="token", may_publish="token")):
        own = _found(options, "user:ann")
        assert [_session(bob).may(action, own) for action in get_args(Action)] == [
            False, True, False, False,
        ]  # fmt: skip
    assert _session().may("subscribe", _found(OPEN, "user:ann"))


# --- how much ---------------------------------------------------------------------------------


def test_publications_have_a_rate_and_a_refusal_says_when_to_come_back() -> None:
    session = _session()
    writing = session.begin_writing(_found(OPEN), is_plain=True)
    session.check_rates(writing, _anything(), 0)
    session.check_rates(writing, _anything(), 0)
    refusal = _refusal(session.check_rates, writing, _anything(), 0)
    assert refusal.code == "rate_limited"
    assert refusal.retry_after_s == pytest.approx(0.5)
    assert _is_allowed(session.check_rates, writing, _anything(), 0.5)


def test_a_channel_may_have_a_rate_of_its_own_for_each_client() -> None:
    slow, other = ChannelOptions(publish_rate=Rate(1, 1)), ChannelOptions()
    session = _session()
    writing = session.begin_writing(_found(slow), is_plain=True)
    session.check_rates(writing, _anything(), 0)
    assert _refusal(session.check_rates, writing, _anything(), 0.9).retry_after_s == pytest.approx(
        0.1
    )
    elsewhere = session.begin_writing(_found(other, "other"), is_plain=True)
    assert _is_allowed(session.check_rates, elsewhere, _anything(), 2)


def test_the_clients_of_one_user_share_its_rate() -> None:
    """Catalogue 66."""
    users = SharedBuckets[str](Rate(1, 1), 10)
    first, second = _session(), _session()
    writings = [each.begin_writing(_found(OPEN), is_plain=True) for each in (first, second)]
    first.check_rates(writings[0], users, 0)
    assert _refusal(second.check_rates, writings[1], users, 0).retry_after_s == pytest.approx(1)


def test_where_a_client_writes_is_remembered_for_so_many_channels() -> None:
    """Catalogue 71: names cost nothing."""
    session = _session()
    for number in range(MAX_WRITINGS + 10):
        session.begin_writing(_found(OPEN, f"room:{number}"), is_plain=True)
    assert len(session.writings) == MAX_WRITINGS
    assert "room:0" not in session.writings
    assert _session().writings == {}


def test_bytes_have_a_rate_and_a_refusal_says_when_to_come_back() -> None:
    session = _session()
    session.check_publication_bytes(1500, 0)
    refusal = _refusal(session.check_publication_bytes, 1500, 0)
    assert refusal.code == "rate_limited"
    assert refusal.retry_after_s == pytest.approx(1.0)
    assert _is_allowed(session.check_publication_bytes, 500, 0)
    assert _is_allowed(session.check_publication_bytes, 1500, 1.5)


def test_a_client_has_so_many_subscriptions_and_may_ask_again_for_those_it_has() -> None:
    """Catalogue 71."""
    session = _session()
    session.subscriptions = {"a": Position("e", 0), "b": Position("e", 0)}
    assert _refusal(session.check_subscribe, "c", 0).code == "limit"
    assert _is_allowed(session.check_subscribe, "a", 0)


def test_subscribing_has_a_rate_however_many_channels_a_command_names() -> None:
    """Catalogue 72 and 77: what is asked of the log is bounded work."""
    session = _session()
    session.subscriptions = {"a": Position("e", 0)}
    asked = [_is_allowed(session.check_subscribe, "a", 0) for _ in range(300)]
    assert sum(asked) == 256
    assert _refusal(session.check_subscribe, "a", 0).code == "rate_limited"
    assert _is_allowed(session.check_subscribe, "a", 1)


def test_only_so_many_commands_wait_for_their_answer_at_a_time() -> None:
    session = _session()
    session.ask()
    session.ask()
    assert _refusal(session.ask).code == "limit"
    session.answered(1)
    assert _is_allowed(session.ask)


def test_an_answer_nobody_asked_for_frees_nothing() -> None:
    session = _session()
    session.ask()
    session.answered(UNSET)
    assert session.unanswered == 1


def test_patience_ends_after_so_many_refusals_and_comes_back_with_time() -> None:
    session = _session()
    assert [session.strike(0) for _ in range(4)] == [False, False, False, True]
    assert not session.strike(1000)


# --- what it is subscribed to, and as whom ----------------------------------------------------


def test_what_needs_a_subscription_is_refused_without_one() -> None:
    session = _session()
    assert _refusal(session.check_subscribed, "room").code == "not_subscribed"


def test_a_newer_token_of_the_same_user_is_taken_and_anothers_is_not() -> None:
    """Catalogue 25."""
    session = _session()
    newer = User("ann", expires_at=99)
    session.take_refreshed(newer)
    assert _refusal(session.take_refreshed, User("bob")).code == "forbidden"
    assert session.user is newer


def test_a_newer_token_that_lets_its_user_write_less_counts_at_once() -> None:
    """Catalogue 75."""
    everything = (("*", frozenset({"publish"})),)
    session = _session(User("ann", capabilities=everything))
    for name, options in (("by", ChannelOptions(may_publish="token")), ("free", OPEN)):
        session.begin_writing(_found(options, name), is_plain=True)
    session.take_refreshed(User("ann"))
    assert set(session.writings) == {"free"}


@pytest.mark.parametrize(
    ("expires_at", "now", "expired"),
    [(None, 1e12, False), (100, 99.9, False), (100, 100, True), (100, 101, True)],
)
def test_a_session_ends_with_its_token(expires_at: float | None, now: float, expired: bool) -> None:
    """Catalogue 75."""
    assert _session(User("ann", expires_at=expires_at)).is_expired(now) == expired


def test_a_client_is_told_the_limits_it_is_held_to() -> None:
    told = LIMITS.told()
    assert (told.publications_per_second, told.subscriptions, told.unanswered_ids) == (2, 2, 2)
