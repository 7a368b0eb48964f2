"""The API's client: what it repeats, what it raises, and that both kinds do the same."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import httpx
import pytest

from tests.support.asynchronous import run
from tidewire.api import Api, ApiError, ApiUnavailable, AsyncApi
from tidewire.messages import Position

POSITION = {"channel": "lobby", "epoch": "e", "seq": 1, "tag": "t"}
BUSY = httpx.Response(503, json={"code": "unavailable", "message": "later", "retryAfter": 0.001})


class Server:
    """Answers with ``answers`` in turn; counts how often it was asked."""

    def __init__(self, *answers: httpx.Response | type[httpx.TransportError]) -> None:
        self._answers = list(answers)
        self.asked = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        answer = self._answers[min(self.asked, len(self._answers) - 1)]
        self.asked += 1
        if isinstance(answer, httpx.Response):
            return answer
        raise answer("gone", request=request)

    def api(self) -> AsyncApi:
        transport = httpx.MockTransport(self)
        return AsyncApi("http://there", "twk_key", transport=transport)

    async def publish(self, once: str | None = None) -> Position:
        async with self.api() as api:
            if once is None:
                return await api.publish("lobby", 1)
            return await api.publish("lobby", 1, once=once)


def _ok() -> httpx.Response:
    return httpx.Response(200, json=POSITION)


def test_what_may_have_been_done_is_repeated_only_with_a_once_key() -> None:
    server = Server(httpx.ReadTimeout, _ok())
    assert run(server.publish(once="order-17")) == Position("e", 1, "t")
    assert server.asked == 2
    lonely = Server(httpx.ReadTimeout, _ok())
    with pytest.raises(ApiUnavailable) as caught:
        run(lonely.publish())
    assert (caught.value.code, lonely.asked) == ("unknown_outcome", 1)


@pytest.mark.parametrize("answer", [BUSY, httpx.ConnectError])
def test_what_was_not_done_for_certain_is_repeated(
    answer: httpx.Response | type[httpx.TransportError],
) -> None:
    server = Server(answer, _ok())
    assert run(server.publish()).seq == 1
    assert server.asked == 2


def test_a_refusal_is_not_repeated() -> None:
    server = Server(httpx.Response(404, json={"code": "not_found", "message": "no channel"}))
    with pytest.raises(ApiError, match="no channel") as caught:
        run(server.publish(once="x"))
    assert (caught.value.code, server.asked) == ("not_found", 1)
    assert not isinstance(caught.value, ApiUnavailable)


def test_patience_with_a_busy_server_ends() -> None:
    server = Server(BUSY)
    with pytest.raises(ApiUnavailable, match="later"):
        run(server.publish())
    assert server.asked == 3


def test_reading_and_deciding_are_repeated() -> None:
    async def ask(api: AsyncApi) -> int:
        async with api:
            return await api.disconnect(user="ada")

    server = Server(httpx.ReadError, httpx.Response(200, json={"clients": 2}))
    assert run(ask(server.api())) == 2


def test_the_key_is_in_no_error_and_no_repr() -> None:
    server = Server(httpx.Response(401, json={"code": "unauthorized", "message": "show a key"}))
    api = server.api()
    with pytest.raises(ApiError) as caught:
        run(server.publish())
    assert "twk_key" not in f"{caught.value!r} {api!r} {vars(api)}"


def test_the_client_for_threads_has_the_same_methods_with_the_same_parameters() -> None:
    def methods(kind: type) -> dict[str, inspect.Signature]:
        found = inspect.getmembers(kind, inspect.isfunction)
        return {name: inspect.signature(each) for name, each in found if name[0] != "_"}

    ours, theirs = methods(Api), methods(AsyncApi)
    assert ours.keys() == theirs.keys()
    for name, signature in ours.items():
        if name != "close":
            assert signature.parameters == theirs[name].parameters, name
            assert signature.return_annotation == theirs[name].return_annotation, name


def test_the_client_for_threads_repeats_likewise() -> None:
    server = Server(httpx.ReadTimeout, _ok())
    with Api("http://there", "twk_key", transport=httpx.MockTransport(server)) as api:
        assert api.publish("lobby", 1, once="x").seq == 1
    assert server.asked == 2


def test_two_kinds_of_subject_at_once_are_refused_before_anything_is_sent() -> None:
    server = Server(_ok())
    ask: tuple[Callable[[Api], object], ...] = (
        lambda api: api.revoke(user="ada", token="t-1"),
        lambda api: api.disconnect(),
        lambda api: api.subscribe("room:1", user="ada", client="c-1"),
    )
    with Api("http://there", "twk_key", transport=httpx.MockTransport(server)) as api:
        for each in ask:
            with pytest.raises(ValueError, match="give"):
                each(api)
    assert server.asked == 0


def test_the_names_of_the_package_are_loaded_when_they_are_used() -> None:
    from tidewire import api

    assert {"Api", "AsyncApi", "ApiError", "ApiUnavailable"} <= {*dir(api)}
    with pytest.raises(AttributeError):
        _ = api.nothing
