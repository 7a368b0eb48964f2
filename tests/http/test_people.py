"""Putting clients out, into channels and out of them, and voiding what they came in with."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

import httpx
import pytest
from msgspec.structs import replace

from tests.support.asynchronous import run
from tests.support.backends import api_of, settings, url_of
from tests.support.inprocess import serving
from tests.support.tokens import SECRET, claims, hmac_token
from tidewire.api import AsyncApi
from tidewire.api.calls import Disconnect, Revoke
from tidewire.config import Auth, Secret
from tidewire.errors import HandshakeRefused
from tidewire.heavy_hitters import SAMPLED
from tidewire.testing.client import Client, Disconnected, connect


class Scene(NamedTuple):
    """A server that lets tokens in, and its API."""

    port: int
    api: AsyncApi

    async def join(self, token: str) -> Client:
        client = await connect(f"ws://127.0.0.1:{self.port}/ws", token=token)
        await client.expect("connected")
        return client

    async def refusal(self, token: str) -> tuple[int, str]:
        with pytest.raises(HandshakeRefused) as caught:
            await self.join(token)
        return caught.value.status, caught.value.code


@asynccontextmanager
async def scene() -> AsyncIterator[Scene]:
    guarded = replace(settings(), auth=Auth(secrets=(Secret(SECRET),)))
    async with serving(guarded) as port, api_of(port) as api:
        yield Scene(port, api)


def _token(user: str = "ada", **said: object) -> str:
    return hmac_token(claims(sub=user, **said))


def _an_hour_ago() -> int:
    return int(time.time()) - 3600


async def _close_code(client: Client) -> int:
    try:
        while True:
            await client.receive()
    except Disconnected as end:
        return end.code


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ({}, {"user": "ada"}),
        ({"sid": "s-1"}, {"session": "s-1"}),
        ({"jti": "t-1"}, {"token": "t-1"}),
    ],
    ids=["user", "login", "token"],
)
def test_whom_a_revocation_names_is_cut_and_may_not_return(
    said: dict[str, str], named: dict[str, str]
) -> None:
    """Catalogue 75: with 4001, since a new token opens the door again."""

    async def play() -> None:
        token = _token(iat=_an_hour_ago(), **said)
        async with scene() as on, await on.join(token) as ada, await on.join(_token("bob")) as bob:
            assert (await on.api.revoke(**named)).clients == 1  # type: ignore[arg-type]
            assert await _close_code(ada) == 4001
            assert (await on.refusal(token))[0] == 403
            assert (await bob.request({"type": "ping"}))["type"] == "pong"

    run(play())


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/sse?channel=room:1"), ("GET", "/poll?channel=room:1"), ("POST", "/api/ticket")],
)
def test_what_is_revoked_opens_no_other_door_either(method: str, path: str) -> None:
    """Catalogue 74: every way in asks the same question."""

    async def play() -> None:
        headers = {"authorization": f"Bearer {_token(iat=_an_hour_ago())}"}
        async with scene() as on, httpx.AsyncClient(base_url=url_of(on.port), timeout=60) as http:
            await on.api.revoke(user="ada")
            answer = await http.request(method, path, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "revoked")

    run(play())


def test_an_event_stream_is_cut_like_any_connection() -> None:
    async def play() -> None:
        headers = {"authorization": f"Bearer {_token(iat=_an_hour_ago())}"}
        async with (
            scene() as on,
            httpx.AsyncClient(base_url=url_of(on.port), timeout=60) as http,
            http.stream("GET", "/sse?channel=room:1", headers=headers) as stream,
        ):
            lines = stream.aiter_lines()
            await anext(lines)
            assert (await on.api.revoke(user="ada")).clients == 1
            async for _ in lines:  # to its end
                pass

    run(play())


def test_a_new_login_works() -> None:
    async def play() -> None:
        async with scene() as on:
            await on.api.revoke(user="ada", issued_before=_an_hour_ago())
            async with await on.join(_token(iat=int(time.time()))) as ada:
                assert ada

    run(play())


def test_a_token_that_does_not_say_when_it_was_issued_counts_as_old() -> None:
    async def play() -> None:
        async with scene() as on:
            await on.api.revoke(user="ada", issued_before=1.0)
            assert (await on.refusal(_token(iat=None)))[0] == 403

    run(play())


def test_a_revoked_token_refreshes_no_connection() -> None:
    async def play() -> None:
        old = _token(iat=_an_hour_ago(), jti="old")
        async with scene() as on, await on.join(_token(iat=_an_hour_ago())) as ada:
            await on.api.revoke(token="old")
            answer = await ada.request({"type": "refresh", "token": old})
            assert (answer["type"], answer["code"]) == ("error", "forbidden")

    run(play())


def test_a_client_that_is_revoked_does_not_come_back_with_its_token() -> None:
    async def play() -> None:
        token = _token(iat=_an_hour_ago(), jti="t-1")
        async with scene() as on, await on.join(token) as ada:
            (connection,) = (await on.api.connections(user="ada")).connections
            await on.api.revoke(client=connection.client_id)
            assert await _close_code(ada) == 4001
            assert (await on.refusal(token))[0] == 403

    run(play())


def test_who_is_disconnected_is_told_whether_to_come_back() -> None:
    async def play() -> None:
        async with (
            scene() as on,
            await on.join(_token()) as ada,
            await on.join(_token("bob")) as bob,
        ):
            assert await on.api.disconnect(user="ada") == 1
            assert await on.api.disconnect(user="bob", come_back=True) == 1
            assert await on.api.disconnect(user="nobody") == 0
            assert (await _close_code(ada), await _close_code(bob)) == (4003, 1001)

    run(play())


def test_a_user_is_put_into_a_channel_and_taken_out_of_it() -> None:
    async def play() -> None:
        async with scene() as on, await on.join(_token()) as ada:
            assert await on.api.subscribe("room:1", user="ada") == 1
            assert (await ada.expect("subscribed"))["channel"] == "room:1"
            assert (await on.api.connections(channel="room:1")).connections[0].user_id == "ada"
            assert await on.api.unsubscribe("room:1", user="ada") == 1
            assert (await ada.expect("unsubscribed"))["code"] == "forbidden"

    run(play())


def test_connections_and_channels_come_in_pages() -> None:
    async def play() -> None:
        async with scene() as on:
            clients = await asyncio.gather(*(on.join(_token(f"user-{n}")) for n in range(3)))
            first = await on.api.connections(limit=2)
            rest = await on.api.connections(limit=2, after=str(first.next))
            assert len({each.user_id for each in first.connections + rest.connections}) == 3
            assert not isinstance(rest.next, str)
            for client in clients:
                await client.close()

    run(play())


def test_top_names_whoever_causes_the_load() -> None:
    async def play() -> None:
        async with scene() as on, await on.join(_token()) as ada:
            for number in range(2 * SAMPLED + 1):  # of which one at least is looked at
                await ada.request({"type": "publish", "channel": "room:1", "data": number})
            await ada.request({"type": "publish", "channel": "nowhere", "data": 1})
            top = await on.api.top()
        assert [each.key for each in top.users.messages] == ["ada"]
        assert top.channels.bytes[0].key == "room:1"  # the other may have been looked at, too
        assert [(each.key, each.count) for each in top.addresses.errors] == [("127.0.0.1", 1)]

    run(play())


def test_what_is_done_to_people_leaves_a_line_with_the_keys_name(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def play() -> None:
        async with scene() as on:
            await on.api.disconnect(user="ada")
            await on.api.batch([Revoke(session="a-secret"), Disconnect(user="bob")])

    with caplog.at_level("INFO", "tidewire.api"):
        run(play())
    told = [
        (each.message, vars(each).get("user")) for each in caplog.records if "key" in vars(each)
    ]
    assert told == [("disconnect", "ada"), ("revoke", None), ("disconnect", "bob")]
    assert "a-secret" not in caplog.text


def test_signals_reach_a_channels_subscribers() -> None:
    async def play() -> None:
        async with scene() as on, await on.join(_token()) as ada:
            await ada.request({"type": "subscribe", "channel": "room:1"})
            await on.api.signal("room:1", "typing", {"by": "bob"}, user="bob")
            assert (await ada.expect("signal"))["data"] == {"by": "bob"}

    run(play())
