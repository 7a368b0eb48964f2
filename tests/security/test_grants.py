"""Resume grants: what the server once decided, believed for a while, and for nobody else."""

from __future__ import annotations

import msgspec
import pytest
from msgspec import UNSET

from tidewire.security.grants import MAX_LENGTH, TTL_S, Grants
from tidewire.security.user import User

NOW = 1_800_000_000.0
ADA = User(
    "ada",
    {"name": "Ada"},
    issued_at=NOW - 9,
    session_id="login-7",
    capabilities=(("chat:{room}", frozenset({"publish"})),),
    subscriptions=("news",),
    vouched_at=NOW,
)
grants = Grants(b"a secret that is long enough")


def _connection(user: User = ADA, by: Grants = grants) -> str:
    grant = by.for_connection(user)
    assert isinstance(grant, str)
    return grant


def _subscription(channel: str = "chat:1", user: User = ADA) -> str:
    grant = grants.for_subscription(user, channel, NOW)
    assert isinstance(grant, str)
    return grant


def test_whom_an_application_let_in_comes_back_as_the_same_user() -> None:
    assert grants.user_of(_connection(), NOW + TTL_S - 1) == ADA


def test_every_server_with_the_same_secret_believes_a_grant_and_no_other() -> None:
    assert Grants(b"a secret that is long enough").user_of(_connection(), NOW) == ADA
    assert Grants(b"a secret of somebody else's").user_of(_connection(), NOW) is None


def test_a_grant_ends_five_minutes_after_the_decision_and_cannot_be_drawn_out() -> None:
    again = grants.user_of(_connection(), NOW + 200)
    assert again is not None
    assert grants.user_of(_connection(again), NOW + TTL_S) is None
    assert grants.user_of(_connection(), NOW - 1) is None


def test_a_grant_does_not_outlive_its_users_authentication() -> None:
    brief = msgspec.structs.replace(ADA, expires_at=NOW + 10)
    assert grants.user_of(_connection(brief), NOW + 9) == brief
    assert grants.user_of(_connection(brief), NOW + 10) is None


def test_nobody_gets_a_grant_whom_no_application_vouched_for() -> None:
    assert grants.for_connection(User("ada")) is UNSET


def test_a_user_too_large_for_a_header_is_asked_after_again() -> None:
    large = msgspec.structs.replace(ADA, info="x" * (MAX_LENGTH - 100))
    assert grants.for_connection(large) is UNSET


def test_a_subscription_is_granted_to_one_user_in_one_channel() -> None:
    """Catalogue 25."""
    grant = _subscription()
    assert grants.opens(grant, ADA, "chat:1", NOW + TTL_S - 1)
    assert not grants.opens(grant, ADA, "chat:2", NOW)
    assert not grants.opens(grant, User("bob", session_id="login-7"), "chat:1", NOW)
    assert not grants.opens(grant, User("ada", session_id="login-8"), "chat:1", NOW)
    assert not grants.opens(grant, ADA, "chat:1", NOW + TTL_S)


def test_a_grant_is_for_one_purpose() -> None:
    """Catalogue 25."""
    assert grants.user_of(_subscription(), NOW) is None
    assert not grants.opens(_connection(), ADA, "chat:1", NOW)


def test_a_revoked_users_grants_are_void() -> None:
    """Catalogue 75."""
    strict = Grants(b"a secret that is long enough", lambda user, at: (at or 0) < NOW)
    assert strict.user_of(_connection(), NOW) is None
    earlier = grants.for_subscription(ADA, "chat:1", NOW - 1)
    assert isinstance(earlier, str)
    assert not strict.opens(earlier, ADA, "chat:1", NOW)
    assert strict.opens(_subscription(), ADA, "chat:1", NOW)


@pytest.mark.parametrize("grant", ["", ".", "a.b", "e30.e30", "\u2603.x", "x" * 2000, "=.="])
def test_what_is_no_grant_opens_nothing(grant: str) -> None:
    assert grants.user_of(grant, NOW) is None
    assert not grants.opens(grant, ADA, "chat:1", NOW)


def test_no_changed_character_goes_unnoticed() -> None:
    grant = _connection()
    for index, old in enumerate(grant[:-1]):  # the last one carries bits that mean nothing
        new = "A" if old != "A" else "B"
        assert grants.user_of(grant[:index] + new + grant[index + 1 :], NOW) is None


def test_what_another_version_has_signed_is_as_if_it_was_not_there() -> None:
    text = "eyJmb3IiOiJvdGhlciJ9"  # {"for":"other"}
    assert grants.user_of(f"{text}.{grants._mac(text.encode())}", NOW) is None
