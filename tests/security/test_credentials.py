"""A credential is found where it may be, is the only one, and is never echoed."""

from __future__ import annotations

import pytest

from tests.security.handshakes import request
from tidewire.errors import HandshakeRefused
from tidewire.security.credentials import (
    Credential,
    choose_subprotocol,
    find_credentials,
    find_grant,
)

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln"
AUTHORIZATION = ("Authorization", f"Bearer {TOKEN}")
SUBPROTOCOL = ("Sec-WebSocket-Protocol", f"tidewire.v1, bearer.{TOKEN}")
TICKET = ("Sec-WebSocket-Protocol", "tidewire.v1, ticket.abc_DEF-123")
COOKIE = ("Cookie", f"theme=dark; token={TOKEN}")


def test_a_bearer_token_comes_in_a_header_or_a_subprotocol() -> None:
    for header in (AUTHORIZATION, SUBPROTOCOL, ("authorization", f"bEARER {TOKEN}")):
        assert find_credentials(request(header)) == Credential("bearer", TOKEN)


def test_a_ticket_comes_in_a_subprotocol() -> None:
    assert find_credentials(request(TICKET)) == Credential("ticket", "abc_DEF-123")


def test_a_cookie_counts_only_when_its_name_was_configured() -> None:
    handshake = request(COOKIE)
    assert find_credentials(handshake) is None
    assert find_credentials(handshake, cookie_name="theme_") is None
    assert find_credentials(handshake, cookie_name="token") == Credential("cookie", TOKEN)


@pytest.mark.parametrize("field", ["token", "access_token", "ticket", "bearer", "jwt"])
def test_the_query_is_never_read(field: str) -> None:
    """Catalogue 18."""
    assert find_credentials(request(query=f"{field}={TOKEN}".encode())) is None


def test_the_authorization_of_a_proxy_in_front_is_left_alone() -> None:
    assert find_credentials(request(("Authorization", "Basic YWxpY2U6cGFzcw=="))) is None


@pytest.mark.parametrize(
    "other",
    [TICKET, ("Authorization", "Bearer another"), ("Cookie", "token=another")],
    ids=["ticket", "header", "cookie"],
)
def test_two_different_credentials_are_a_bad_request(other: tuple[str, str]) -> None:
    with pytest.raises(HandshakeRefused, match="more than one") as caught:
        find_credentials(request(SUBPROTOCOL, other), cookie_name="token")
    assert caught.value.status == 400


def test_the_same_token_shown_twice_is_one_credential() -> None:
    """The explicit one counts: a cookie alone would ask more of the Origin."""
    handshake = request(COOKIE, SUBPROTOCOL, AUTHORIZATION)
    assert find_credentials(handshake, cookie_name="token") == Credential("bearer", TOKEN)


@pytest.mark.parametrize(
    "header",
    [
        ("Authorization", "Bearer "),
        ("Authorization", "bearer"),
        ("Sec-WebSocket-Protocol", "ticket."),
    ],
)
def test_an_empty_credential_is_a_bad_request(header: tuple[str, str]) -> None:
    with pytest.raises(HandshakeRefused) as caught:
        find_credentials(request(header))
    assert caught.value.status == 400


def test_a_credential_does_not_print_its_secret() -> None:
    """Catalogue 18."""
    assert TOKEN not in f"{Credential('bearer', TOKEN)!r} {Credential('cookie', TOKEN)}"


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (["tidewire.v1"], "tidewire.v1"),
        (["tidewire.v1.msgpack", "tidewire.v1"], "tidewire.v1.msgpack"),
        (["tidewire.v1", "tidewire.v1.msgpack"], "tidewire.v1"),
        (["chat", "tidewire.v1", f"bearer.{TOKEN}"], "tidewire.v1"),
        ([f"bearer.{TOKEN}"], None),
        (["ticket.abc"], None),
        (["resume.abc.def"], None),
        (["TIDEWIRE.V1", "tidewire.v2", "tidewire.v1."], None),
        ([], None),
    ],
)
def test_only_our_own_subprotocol_is_ever_selected(offered: list[str], chosen: str | None) -> None:
    """Catalogue 17: nothing that was not offered, and no token echoed back."""
    assert choose_subprotocol(offered) == chosen


@pytest.mark.parametrize(
    ("offered", "grant"),
    [
        ("tidewire.v1, resume.abc.def", "abc.def"),
        ("tidewire.v1, bearer.xyz, resume.abc.def", "abc.def"),
        ("tidewire.v1", None),
    ],
)
def test_a_resume_grant_is_found_beside_whatever_else_is_shown(
    offered: str, grant: str | None
) -> None:
    assert find_grant(request(("Sec-WebSocket-Protocol", offered))) == grant
