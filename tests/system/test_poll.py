"""Clients over plain HTTP: long polls and publishes, as a browser's fetch would send them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import product

import pytest
from httpx import AsyncClient, Response

from tests.support.asynchronous import eventually, run
from tests.support.backends import api_of, settings
from tests.support.inprocess import serving
from tests.support.tokens import SECRET, claims, hmac_token
from tidewire.app import App, AsgiReceive, AsgiSend, Scope
from tidewire.config import Auth, Channel, Http, Limits, Settings
from tidewire.config.values import Secret
from tidewire.testing.server import UNHURRIED, serve

ROOM = "room:a"
CHANNELS = (
    Channel(pattern="room:{name}"),
    Channel(pattern="vault", may_subscribe="nobody", may_publish="nobody"),
    Channel(pattern="closed", may_read_history="nobody"),
)


@asynccontextmanager
async def _client(**auth: object) -> AsyncIterator[AsyncClient]:
    settings = Settings(
        auth=Auth(anonymous=True, **auth),  # type: ignore[arg-type]
        channels=CHANNELS,
        limits=UNHURRIED,
    )
    async with (
        serving(settings) as port,
        AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as client,
    ):
        yield client


async def _publish(client: AsyncClient, data: object, channel: str = ROOM) -> Response:
    return await client.post("/publish", json={"channel": channel, "data": data})


async def _position(client: AsyncClient, *channels: str) -> str:
    answer = await client.get("/poll", params={"channel": list(channels or (ROOM,))})
    return str(answer.json()["position"])


def _data(answer: Response) -> list[object]:
    return [each["data"] for page in answer.json()["channels"] for each in page["messages"]]


def test_a_poll_waits_for_what_comes_and_says_where_it_stands_then() -> None:
    async def scenario() -> None:
        async with _client() as client:
            since = await _position(client)
            asked = client.get("/poll", params={"channel": ROOM, "since": since})
            polling = asyncio.create_task(asked)
            await asyncio.sleep(0)
            await _publish(client, 1)
            answer = await polling
            assert _data(answer) == [1]
            assert answer.headers["etag"] == f'"{answer.json()["position"]}"'
            await _publish(client, 2)
            since = answer.json()["position"]
            again = await client.get("/poll", params={"channel": ROOM, "since": since})
            assert _data(again) == [2]

    run(scenario())


def test_nothing_new_is_304_for_who_asks_with_an_etag_and_empty_for_who_does_not() -> None:
    async def scenario() -> None:
        async with _client() as client:
            since = await _position(client)
            query = {"channel": ROOM, "wait": "0"}
            known = await client.get("/poll", params=query, headers={"If-None-Match": f'"{since}"'})
            assert (known.status_code, known.content) == (304, b"")
            asked = await client.get("/poll", params={**query, "since": since})
            assert _data(asked) == []

    run(scenario())


def test_several_channels_are_polled_at_once_and_a_gap_is_told() -> None:
    """Catalogue 77, 78."""

    async def scenario() -> None:
        async with _client() as client:
            since = await _position(client, ROOM, "room:b")
            await _publish(client, 1, "room:b")
            query = {"channel": [ROOM, "room:b"], "since": since}
            assert _data(await client.get("/poll", params=query)) == [1]
            forged = await client.get("/poll", params={**query, "since": "e:1:t,e:1:t"})
            assert [page["recovery"] for page in forged.json()["channels"]] == ["gap", "gap"]

    run(scenario())


def test_one_answer_is_one_page_over_all_its_channels() -> None:
    """Catalogue 67: whoever leaves it unread pins no more; the rest is for the next poll."""

    async def scenario() -> None:
        async with _client() as client:
            rooms = [ROOM, "room:b", "room:c"]
            since = await _position(client, *rooms)
            for room, number in product(rooms, range(3)):
                await _publish(client, f"{number}{'x' * 60_000}", room)
            seen: list[str] = []
            while len(seen) < 9:
                query = {"channel": rooms, "since": since, "wait": "0"}
                answer = await client.get("/poll", params=query)
                assert len(answer.content) < 300_000
                since = answer.json()["position"]
                seen += [str(data)[0] for data in _data(answer)]
            assert seen == ["0", "1", "2"] * 3

    run(scenario())


def test_whoever_is_revoked_while_it_waits_is_told_so_and_hears_nothing_more() -> None:
    """Catalogue 75."""

    async def scenario() -> None:
        async with serve(App(), settings()) as server, AsyncClient(base_url=server.url) as client:
            named = {"Authorization": f"Bearer {server.token('eve')}"}
            since = (await client.get("/poll", params={"channel": ROOM})).json()["position"]
            query = {"channel": ROOM, "since": since}
            asked = client.get("/poll", params=query, headers=named, timeout=60)
            polling = asyncio.create_task(asked)
            async with api_of(server.port) as api:
                await api.channels()  # a whole exchange, while the poll comes to wait
                await api.revoke(user="eve")
                await api.publish(ROOM, "not for her")
            answer = await polling
        assert (answer.status_code, answer.json()["code"]) == (403, "revoked")

    run(scenario())


def test_only_what_anybody_may_read_is_for_shared_caches() -> None:
    async def scenario() -> None:
        async with _client(secrets=(Secret(SECRET),)) as client:
            anybody = await client.get("/poll", params={"channel": ROOM})
            assert anybody.headers["cache-control"] == "public, max-age=1"
            named = {"Authorization": f"Bearer {hmac_token(claims())}"}
            somebody = await client.get("/poll", params={"channel": ROOM}, headers=named)
            assert somebody.headers["cache-control"] == "private, no-cache"
            assert somebody.headers["vary"] == "origin"

    run(scenario())


def test_a_poll_needs_the_same_leave_as_a_subscription() -> None:
    """Catalogue 73, 74."""

    async def scenario() -> None:
        async with _client() as client:
            for channel in ("vault", "nosuch"):
                answer = await client.get("/poll", params={"channel": channel, "since": "e:1:t"})
                assert (answer.status_code, answer.json()) == (403, {"code": "forbidden"})
            await _publish(client, 1, "closed")
            epoch = (await _position(client, "closed")).partition(":")[0]
            bare = {"channel": "closed", "since": f"{epoch}:0:", "wait": "0"}
            assert (await client.get("/poll", params=bare)).json()["channels"][0]["messages"] == []

    run(scenario())


def test_whoever_hangs_up_and_whoever_is_answered_is_counted_no_more() -> None:
    """Catalogue 70."""

    async def scenario() -> None:
        async with _client() as client:
            since = await _position(client)
            polls = [
                asyncio.create_task(client.get("/poll", params={"channel": ROOM, "since": since}))
                for _ in range(90)
            ]
            await client.get("/healthz")  # by now it has been sent
            for poll in polls:
                poll.cancel()
            await asyncio.gather(*polls, return_exceptions=True)
            for _ in range(90):  # an address may have 100 connections: none is left over
                asked = {"channel": ROOM, "since": since, "wait": "0"}
                assert (await client.get("/poll", params=asked)).status_code == 200

    run(scenario())


def test_a_server_that_leaves_answers_those_who_wait() -> None:
    """Catalogue 91."""

    async def scenario() -> None:
        async with _client() as client:
            since = await _position(client)
            asked = client.get("/poll", params={"channel": ROOM, "since": since})
            polling = asyncio.create_task(asked)
            await client.get("/healthz")  # by now it has been sent
        await eventually(polling.done, "it is answered")
        assert polling.exception() is not None or polling.result().status_code == 200

    run(scenario())


@pytest.mark.parametrize("wait", ["-1", "31", "x", "1e9", "99999999999"])
def test_a_wait_is_bounded(wait: str) -> None:
    async def scenario() -> None:
        async with _client() as client:
            answer = await client.get("/poll", params={"channel": ROOM, "wait": wait})
            assert answer.status_code == 400

    run(scenario())


def test_a_ticket_in_the_query_opens_one_request() -> None:
    """Catalogue 18: whoever finds it in a log finds it spent."""

    async def scenario() -> None:
        async with _client(secrets=(Secret(SECRET),)) as client:
            named = {"Authorization": f"Bearer {hmac_token(claims())}"}
            ticket = (await client.post("/api/ticket", headers=named)).json()["ticket"]
            asked = {"channel": ROOM, "ticket": ticket}
            answers = [await client.get("/poll", params=asked) for _ in range(2)]
            assert [each.status_code for each in answers] == [200, 401]

    run(scenario())


def test_a_publish_answers_its_position_and_once_is_once() -> None:
    """Catalogue 79."""

    async def scenario() -> None:
        async with _client(secrets=(Secret(SECRET),)) as client:
            body = {"channel": ROOM, "data": {"x": 1}, "once": "k", "type": "history"}
            named = {"Authorization": f"Bearer {hmac_token(claims())}"}
            first = await client.post("/publish", json=body, headers=named)
            again = await client.post("/publish", json=body, headers=named)
            assert first.json()["seq"] == again.json()["seq"] == 1
            assert first.json()["type"] == "published"

    run(scenario())


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b'{"channel":"vault","data":1}', "application/json", 403),
        (b'{"channel":"room:a","data":1}', "text/plain", 415),
        (b'{"channel":"room:a","data":1}', "application/x-www-form-urlencoded", 415),
        (b'{"channel":"room:a"}', "application/json", 400),
        (b'{"channel":"room:a","data":1e400}', "application/json", 400),
        (b"[" * 100_000, "application/json", 413),
        (b"[" * 60_000, "application/json", 400),
        (b"\xff", "application/json", 400),
    ],
)
def test_what_may_not_be_published_is_refused(body: bytes, kind: str, status: int) -> None:
    """Catalogue 48 to 50, 73."""

    async def scenario() -> None:
        async with _client() as client:
            answer = await client.post("/publish", content=body, headers={"content-type": kind})
            assert answer.status_code == status, answer.text
            assert answer.json()["code"]

    run(scenario())


def test_a_cookie_publishes_only_from_our_own_pages() -> None:
    """Catalogue 9, 13: a form of another page comes with its visitor's cookie, too (CSRF)."""

    async def scenario() -> None:
        async with _client(secrets=(Secret(SECRET),), cookie="login") as client:
            body = {"channel": ROOM, "data": 1}
            client.cookies.set("login", hmac_token(claims()))
            own = str(client.base_url).rstrip("/")
            for origin, status in (("https://evil.example", 403), (None, 403), (own, 200)):
                headers = {} if origin is None else {"Origin": origin}
                answer = await client.post("/publish", json=body, headers=headers)
                assert answer.status_code == status

    run(scenario())


@pytest.mark.parametrize("path", ["/sse", "/poll", "/publish"])
def test_a_preflight_is_answered_to_allowed_pages_only(path: str) -> None:
    async def scenario() -> None:
        async with _client() as client:
            own = str(client.base_url).rstrip("/")
            allowed = await client.options(path, headers={"Origin": own})
            assert allowed.headers["access-control-allow-origin"] == own
            foreign = await client.options(path, headers={"Origin": "https://evil.example"})
            assert foreign.status_code == 403
            assert (await client.delete(path)).status_code == 405

    run(scenario())


def test_a_channels_rate_and_that_of_bytes_hold_from_one_request_to_the_next() -> None:
    async def scenario() -> None:
        rare = Channel(pattern="rare", publications_per_s=0.001, publications_burst=1)
        given = Settings(auth=Auth(anonymous=True), channels=(rare, *CHANNELS))
        async with serving(given) as port, AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
            rated = [await _publish(http, 1, "rare") for _ in range(2)]
            heavy = [await _publish(http, "x" * 60_000) for _ in range(12)]
        assert [each.status_code for each in rated] == [200, 429]
        assert {each.status_code for each in heavy} == {200, 429}

    run(scenario())


def test_without_a_session_the_rate_is_the_users_or_the_addresss() -> None:
    """Catalogue 66."""

    async def scenario() -> None:
        limits = Limits(publications_per_s=0.01, publications_burst=2)
        settings = Settings(auth=Auth(anonymous=True), channels=CHANNELS, limits=limits)
        async with (
            serving(settings) as port,
            AsyncClient(base_url=f"http://127.0.0.1:{port}") as client,
        ):
            answers = [await _publish(client, n) for n in range(3)]
            assert [each.status_code for each in answers] == [200, 200, 429]
            assert int(answers[-1].headers["retry-after"]) >= 1

    run(scenario())


# --- switched off -------------------------------------------------------------------------------


async def _own_page(_: Scope, receive: AsgiReceive, send: AsgiSend) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"the application's own"})


@pytest.mark.parametrize(
    ("http", "method", "path"),
    [
        (Http(sse=False), "GET", "/sse?channel=room:a"),
        (Http(sse=False), "HEAD", "/sse"),
        (Http(poll=False), "GET", "/poll?channel=room:a"),
        (Http(publish=False), "POST", "/publish"),
    ],
)
def test_a_path_that_is_switched_off_is_the_applications_own(
    http: Http, method: str, path: str
) -> None:
    async def scenario() -> None:
        app = App()
        app.mount(_own_page)
        settings = Settings(auth=Auth(anonymous=True), http=http)
        async with serving(settings, app) as port, AsyncClient() as client:
            answer = await client.request(method, f"http://127.0.0.1:{port}{path}")
            assert answer.status_code == 200
            assert method == "HEAD" or answer.text == "the application's own"

    run(scenario())
