from __future__ import annotations

import logging
from typing import Any

import pytest
from django.test import Client

from tests.django.conftest import FakeServer
from tests.security.handshakes import request
from tidewire.security.user import User


def member(**fields: Any) -> Any:
    from django.contrib.auth import get_user_model

    return get_user_model().objects.create_user("ann", password="a long one", **fields)


def browser() -> Client:
    client = Client()
    client.post("/login", {"name": "ann", "password": "a long one"})
    return client


def who(client: Client) -> User | None:
    from tidewire.django import authenticate

    cookies = "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())
    return authenticate(request(("Cookie", cookies)))


def test_a_browser_that_has_logged_in_is_its_user_until_the_session_ends() -> None:
    ann = member()
    user = who(browser())
    assert user is not None
    assert (user.id, user.info) == (str(ann.pk), {"name": "ann"})
    assert user.expires_at is not None


def test_nobody_is_who_shows_no_session_or_one_that_is_none() -> None:
    client = Client()
    assert who(client) is None
    client.cookies["sessionid"] = "made up"
    assert who(client) is None


def test_an_account_that_was_closed_is_nobodys() -> None:
    ann, client = member(), browser()
    type(ann).objects.update(is_active=False)
    assert who(client) is None


def test_a_new_password_ends_the_sessions_of_the_old_one() -> None:
    ann, client = member(), browser()
    ann.set_password("another long one")
    ann.save()
    assert who(client) is None


def test_the_sessions_key_is_never_told() -> None:
    member()
    client = browser()
    user = who(client)
    assert user is not None
    assert client.cookies["sessionid"].value not in str(user.session_id)


def test_a_logout_ends_the_connections_of_that_session(server: FakeServer) -> None:
    member()
    client = browser()
    user = who(client)
    client.post("/logout")
    assert user is not None
    assert server.ended == [user.session_id]
    assert who(client) is None


def test_a_server_out_of_reach_stops_no_logout(
    server: FakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    member()
    client = browser()
    server.is_down = True
    with caplog.at_level(logging.ERROR):
        assert client.post("/logout").status_code == 204
    assert who(client) is None
    assert "were not ended" in caplog.text
