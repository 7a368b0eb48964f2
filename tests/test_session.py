"""The rules of one client, as a table."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec import UNSET

from tidewire.channels.options import ChannelOptions
from tidewire.errors import CommandRefused
from tidewire.messages import Position
from tidewire.security.rates import Rate
from tidewire.security.user import User
from tidewire.session import Session, SessionLimits

OPEN = ChannelOptions()
MEMBERS = ChannelOptions(may_subscribe="authenticated", may_publish="authenticated")
READ_ONLY = ChannelOptions(may_publish="nobody")
WRITE_ONLY = ChannelOptions(may_subscribe="nobody")
CLOSED = ChannelOptions(may_subscribe="nobody", may_publish="nobody")

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


@pytest.mark.parametrize(
    ("user", "options", "may_read", "may_publish"),
    [
        pytest.param(ANN, OPEN, True, True, id="a user in an open channel"),
        pytest.param(GUEST, OPEN, True, True, id="a guest in an open channel"),
        pytest.param(ANN, MEMBERS, True, True, id="a user among members"),
        pytest.param(GUEST, MEMBERS, False, False, id="a guest among members"),
        pytest.param(ANN, READ_ONLY, True, False, id="a channel to read"),
        pytest.param(ANN, WRITE_ONLY, False, True, id="a channel to write"),
        pytest.param(ANN, CLOSED, False, False, id="a closed channel"),
        pytest.param(ANN, None, False, False, id="no channel"),
    ],
)
def test_a_client_may_do_what_its_channel_allows_and_nothing_else(
    user: User, options: ChannelOptions | None, may_read: bool, may_publish: bool
) -> None:
    """Catalogue 73 and 74: reading is one permission, live or from history."""
    session = _session(user)
    assert _is_allowed(session.check_read, options) == may_read
    assert _is_allowed(session.check_subscribe, "room", options) == may_read
    assert _is_allowed(session.check_publish, options, 0) == may_publish


def test_a_channel_that_does_not_exist_is_refused_in_the_words_of_one_that_is_forbidden() -> None:
    """Catalogue 80."""
    session = _session()
    for absent, closed in (
        (_refusal(session.check_read, None), _refusal(session.check_read, CLOSED)),
        (_refusal(session.check_publish, None, 0), _refusal(session.check_publish, CLOSED, 0)),
    ):
        assert absent.code == closed.code == "forbidden"
        assert str(absent) == str(closed)


# --- how much ---------------------------------------------------------------------------------


def test_publications_have_a_rate_and_a_refusal_says_when_to_come_back() -> None:
    session = _session()
    session.check_publish(OPEN, 0)
    session.check_publish(OPEN, 0)
    refusal = _refusal(session.check_publish, OPEN, 0)
    assert refusal.code == "rate_limited"
    assert refusal.retry_after_s == pytest.approx(0.5)
    assert _is_allowed(session.check_publish, OPEN, 0.5)


def test_bytes_have_a_rate_and_a_refusal_says_when_to_come_back() -> None:
    session = _session()
    session.check_publication_bytes(1500, 0)
    refusal = _refusal(session.check_publication_bytes, 1500, 0)
    assert refusal.code == "rate_limited"
    assert refusal.retry_after_s == pytest.approx(1.0)
    assert _is_allowed(session.check_publication_bytes, 500, 0)
    assert _is_allowed(session.check_publication_bytes, 1500, 1.5)


def test_a_publication_that_is_forbidden_uses_up_no_rate() -> None:
    session = _session()
    for _ in range(5):
        _refusal(session.check_publish, CLOSED, 0)
    assert _is_allowed(session.check_publish, OPEN, 0)


def test_a_client_has_so_many_subscriptions_and_may_ask_again_for_those_it_has() -> None:
    """Catalogue 71."""
    session = _session()
    session.subscriptions = {"a": Position("e", 0), "b": Position("e", 0)}
    assert _refusal(session.check_subscribe, "c", OPEN).code == "limit"
    assert _is_allowed(session.check_subscribe, "a", OPEN)


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
