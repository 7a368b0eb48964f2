"""The HTTP API on a running server: what a backend may rely on."""

from __future__ import annotations

import httpx
import pytest
from msgspec import Raw
from msgspec.structs import replace

from tests.support.asynchronous import run
from tests.support.backends import KEY, UNHURRIED_S, backend, settings, url_of
from tests.support.inprocess import serving
from tidewire.api import ApiError
from tidewire.api.calls import (
    MAX_BODY_BYTES,
    Batch,
    Failed,
    History,
    HistoryPage,
    Publish,
    Published,
)
from tidewire.config import Api
from tidewire.http import backend as batches
from tidewire.messages import Position


def test_what_is_published_is_in_history_when_it_is_answered() -> None:
    async def scene() -> None:
        async with backend() as api:
            position = await api.publish(
                "room:1", {"status": "shipped"}, user="ada", tags={"a": "b"}
            )
            page = await api.history("room:1")
        (entry,) = page.entries
        assert Position(page.epoch, entry.seq, entry.tag) == position
        assert (entry.user_id, entry.data, entry.tags) == ("ada", {"status": "shipped"}, {"a": "b"})

    run(scene())


def test_a_repeated_publish_with_the_same_key_publishes_once() -> None:
    """Catalogue 79."""

    async def scene() -> None:
        async with backend() as api:
            first = await api.publish("room:1", 1, once="order-17")
            assert await api.publish("room:1", 1, once="order-17") == first
            assert len((await api.history("room:1")).entries) == 1

    run(scene())


def test_each_channel_of_a_broadcast_ends_for_itself() -> None:
    async def scene() -> None:
        async with backend() as api:
            one, none, two = await api.broadcast(["room:1", "nowhere", "room:2"], "hello")
        assert isinstance(one, Position)
        assert isinstance(two, Position)
        assert isinstance(none, ApiError)
        assert none.code == "not_found"

    run(scene())


def test_a_batch_is_done_in_order_and_answered_in_order() -> None:
    async def scene() -> None:
        publish = Publish(channel="room:1", data=Raw(b"1"))
        async with backend() as api:
            first, page, bad = await api.batch(
                [publish, History(channel="room:1"), replace(publish, channel="nowhere")]
            )
        assert isinstance(first, Published)
        assert isinstance(page, HistoryPage)
        assert len(page.entries) == 1, "the publish before it has ended"
        assert isinstance(bad, ApiError)

    run(scene())


def test_history_is_read_on_page_by_page_in_either_direction() -> None:
    async def scene() -> None:
        async with backend() as api:
            for number in range(5):
                await api.publish("room:1", number)
            newest = await api.history("room:1", limit=2)
            assert [each.data for each in newest.entries] == [3, 4]
            back = await api.history("room:1", limit=2, reverse=True)
            assert [each.data for each in back.entries] == [4, 3]
            last = back.entries[-1]
            older = await api.history(
                "room:1", limit=9, reverse=True, before=Position(back.epoch, last.seq, last.tag)
            )
            assert [each.data for each in older.entries] == [2, 1, 0]
            assert (newest.more, back.more, older.more) == (True, True, False)

    run(scene())


def test_history_from_a_place_that_never_was_is_a_gap() -> None:
    async def scene() -> None:
        async with backend() as api:
            await api.publish("room:1", 1)
            page = await api.history("room:1", since=Position("another", 1, "x"))
        assert (page.recovery, page.entries) == ("gap", [])

    run(scene())


def test_the_latest_entry_of_each_key_is_a_channels_state() -> None:
    async def scene() -> None:
        async with backend() as api:
            for key, value in (("a", 1), ("b", 2), ("a", 3)):
                await api.publish("board:1", value, key=key)
            await api.do(Publish(channel="board:1", key="b", op="remove"))
            found = await api.latest("board:1")
            rest = await api.latest("board:1", after=found.entries[-1].seq)
        assert [(each.key, each.data) for each in found.entries] == [("a", 3)]
        assert (found.more, rest.entries) == (False, [])

    run(scene())


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "malformed"),
        (b"{", 400, "malformed"),
        (b'{"channel":"room:1","data":1,"onse":"x"}', 400, "malformed"),
        (b'{"channel":"room:1","data":"\xff"}', 400, "malformed"),
        (b'{"channel":"room:1","data":1e999}', 400, "malformed"),
        (b'{"channel":"room:1","data":' + b"[" * 5000 + b"]" * 5000 + b"}", 400, "malformed"),
        (b'{"channel":"room:1"}', 400, "malformed"),
        (b'{"channel":"room:1","data":1,"ttl":5}', 400, "malformed"),
        (b'{"channel":"room:1","data":1,"user":"a\\nb"}', 400, "malformed"),
        (b'{"channel":"room:1","data":{"seq":1},"type":"move"}', 400, "malformed"),
        (b'{"channel":"room:1","data":{},"type":"published"}', 400, "malformed"),
        (b'{"channel":"room:1","data":1,"type":"move"}', 400, "malformed"),
        (b'{"channel":"../etc","data":1}', 404, "not_found"),
        (b'{"channel":"$revocations","data":1}', 404, "not_found"),
        (b'{"channel":"room:1","data":"' + b"x" * 70_000 + b'"}', 413, "too_large"),
    ],
)  # fmt: skip
def test_what_would_break_a_reader_is_refused_in_one_shape(
    body: bytes, status: int, code: str
) -> None:
    async def scene() -> None:
        async with serving(settings()) as port, _http(port, KEY) as http:
            answer = await http.post("/api/publish", content=body)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert {*answer.json()} == {"code", "message"}

    run(scene())


def test_a_body_larger_than_any_call_is_not_read_to_its_end() -> None:
    async def scene() -> None:
        async with serving(settings()) as port, _http(port, KEY) as http:
            answer = await http.post("/api/publish", content=b" " * (MAX_BODY_BYTES + 1))
        assert (answer.status_code, answer.json()["code"]) == (413, "too_large")

    run(scene())


# -- who may ask -------------------------------------------------------------------------------


def test_without_a_right_key_nothing_is_said() -> None:
    """Catalogue 76 and 80: a channel that exists and one that does not are answered alike."""

    async def scene() -> None:
        async with serving(settings()) as port, _http(port, "twk_wrong") as http:
            answers = [
                await http.post("/api/history", json={"channel": name})
                for name in ("room:1", "nowhere")
            ]
        assert {answer.status_code for answer in answers} == {401}
        assert answers[0].content == answers[1].content
        assert answers[0].headers["www-authenticate"] == "Bearer"

    run(scene())


def test_the_key_may_come_in_a_header_of_its_own() -> None:
    async def scene() -> None:
        async with serving(settings()) as port, _http(port, "twk_other") as http:
            headers = {"x-api-key": KEY, "authorization": "Basic of-a-proxy"}
            answer = await http.post("/api/channels", json={}, headers=headers)
        assert answer.status_code == 200

    run(scene())


def test_without_a_configured_key_there_is_no_api() -> None:
    """Catalogue 81: no default secret opens it."""

    async def scene() -> None:
        closed = replace(settings(), api=Api())
        async with serving(closed) as port, _http(port, "twk_any") as http:
            answers = [
                await http.post(f"/api/{path}", json={}, headers={"x-api-key": key})
                for path in ("channels", "openapi.json")
                for key in ("", "admin")
            ]
        assert {answer.status_code for answer in answers} == {404}

    run(scene())


def test_guessing_is_slowed_down_and_locks_no_backend_out() -> None:
    async def scene() -> None:
        async with serving(settings()) as port, _http(port, "twk_wrong") as http:
            statuses = [(await http.post("/api/top", json={})).status_code for _ in range(30)]
            right = await http.post("/api/top", json={}, headers={"x-api-key": KEY})
        assert (statuses[0], statuses[-1]) == (401, 429)
        assert right.status_code == 200

    run(scene())


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "publish", 405), ("DELETE", "revoke", 405), ("POST", "nothing", 404),
     ("POST", "openapi.json", 405), ("GET", "openapi.json", 200)],
)  # fmt: skip
def test_a_path_has_one_method(method: str, path: str, status: int) -> None:
    async def scene() -> None:
        async with serving(settings()) as port, _http(port, KEY) as http:
            answer = await http.request(method, f"/api/{path}")
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/json"

    run(scene())


def test_a_failure_says_as_much_in_a_batch_as_alone() -> None:
    async def scene() -> None:
        publish = Publish(channel="room:1", data=Raw(b'"' + b"x" * 70_000 + b'"'))
        async with backend() as api:
            (found,) = await api.batch([publish])
        assert isinstance(found, ApiError)
        assert found.as_answer() == Failed(code="too_large", message="data is at most 65536 bytes")

    run(scene())


def test_what_a_batch_reads_is_bounded_and_what_it_does_is_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batches, "MAX_BATCH_ANSWER_BYTES", 300)

    async def scene() -> None:
        async with backend() as api:
            await api.publish("room:1", "x" * 300)
            read, say = History(channel="room:1"), Publish(channel="room:1", data=Raw(b"1"))
            first, second, third = await api.batch([read, read, say])
        assert isinstance(first, HistoryPage)
        assert isinstance(second, ApiError)
        assert second.code == "limit"
        assert isinstance(third, Published)

    run(scene())


def test_a_batch_in_a_batch_is_refused() -> None:
    async def scene() -> None:
        inner = Batch(commands=[Publish(channel="room:1", data=Raw(b"1"))])
        async with backend() as api:
            with pytest.raises(ApiError, match="Invalid value"):
                await api.batch([inner])

    run(scene())


def _http(port: int, key: str) -> httpx.AsyncClient:
    headers = {"authorization": f"Bearer {key}"}
    return httpx.AsyncClient(base_url=url_of(port), headers=headers, timeout=UNHURRIED_S)
