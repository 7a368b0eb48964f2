"""A user is somebody whose id can be shown, and whose info is small."""

from __future__ import annotations

import pytest

from tidewire.security.user import MAX_INFO_BYTES, MAX_USER_ID_LENGTH, User, guest, is_user_id


@pytest.mark.parametrize("text", ["alice", "a@b.example", "auth0|17", "Zoë", "李", "two words"])
def test_what_people_are_called_is_a_user_id(text: str) -> None:
    assert is_user_id(text)
    assert User(text).id == text


@pytest.mark.parametrize(
    "text", ["", "a\nb", "a\x00", "\x1b[31m", "\u202eevil", " alice", "alice "]
)
def test_what_could_forge_a_log_line_or_another_user_is_no_user_id(text: str) -> None:
    assert not is_user_id(text)
    with pytest.raises(ValueError, match="printable"):
        User(text)


def test_a_user_id_has_a_longest_length() -> None:
    assert is_user_id("a" * MAX_USER_ID_LENGTH)
    assert not is_user_id("a" * (MAX_USER_ID_LENGTH + 1))


@pytest.mark.parametrize("info", ["x" * MAX_INFO_BYTES, {1, 2, object()}, float])
def test_info_that_is_large_or_no_json_is_refused(info: object) -> None:
    with pytest.raises(ValueError, match="info"):
        User("alice", info)


def test_a_guest_is_anonymous_and_called_what_the_id_maker_says() -> None:
    assert guest(lambda: "7h3k2m9q4x") == User("7h3k2m9q4x", is_anonymous=True)
