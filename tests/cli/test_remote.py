"""Commands that ask a running server: where it is, the key, and what they say when it says no."""

from __future__ import annotations

import json
from collections.abc import Callable

import httpx
import pytest

from tests.cli.commands import Shell

KEY = {"TIDEWIRE_API_KEY": "twk_secret"}
Answer = Callable[[httpx.Request], httpx.Response]


def says(status: int, **answer: object) -> httpx.MockTransport:
    return httpx.MockTransport(lambda request: httpx.Response(status, json=answer))


def test_the_key_comes_from_the_environment_a_file_or_a_flag(shell: Shell) -> None:
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(f"{request.url} {request.headers['authorization']}")
        return httpx.Response(200, json={"channels": []})

    shell.remote = httpx.MockTransport(answer)
    path = shell.write("key", "twk_file\n")
    shell.run("channels", environment=KEY)
    shell.run("channels", environment={"TIDEWIRE_API_KEY_FILE": path})
    shell.run("channels", "--key", "twk_flag", "--url", "http://there:1", environment=KEY)
    assert seen == [
        "http://127.0.0.1:8080/api/channels Bearer twk_secret",
        "http://127.0.0.1:8080/api/channels Bearer twk_file",
        "http://there:1/api/channels Bearer twk_flag",
    ]


@pytest.mark.parametrize(
    "flags", [(), ("--key-file", "none"), ("--key", "two\nlines"), ("--key", "x", "--url", "there")]
)
def test_what_cannot_be_asked_is_one_sentence_and_exit_code_2(
    shell: Shell, flags: tuple[str, ...]
) -> None:
    result = shell.run("channels", *flags)
    assert (result.code, result.out) == (2, "")
    assert result.err.count("\n") == 1


def test_a_server_that_says_no_is_one_sentence_and_exit_code_1(shell: Shell) -> None:
    shell.remote = says(401, code="unauthorized", message="show an API key")
    result = shell.run("top", environment=KEY)
    assert (result.code, result.err) == (1, "tidewire: show an API key\n")


def test_a_server_that_is_not_there_is_one_sentence_and_exit_code_1(shell: Shell) -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    shell.remote = httpx.MockTransport(refuse)
    result = shell.run("channels", environment=KEY)
    assert (result.code, result.err) == (1, "tidewire: no answer: refused\n")


def test_something_else_at_that_address_is_one_sentence(shell: Shell) -> None:
    shell.remote = httpx.MockTransport(lambda request: httpx.Response(200, text="<html>"))
    result = shell.run("channels", environment=KEY)
    assert (result.code, result.err.count("\n")) == (1, 1)
    assert "no Tidewire API answers there" in result.err


def test_json_is_what_the_server_answered(shell: Shell) -> None:
    page = {"channels": [{"channel": "lobby", "subscribers": 3}], "next": "lobby"}
    shell.remote = says(200, **page)
    assert shell.run("channels", "--json", environment=KEY).json() == page
    assert "more: --after lobby" in shell.run("channels", environment=KEY).out


def test_a_name_cannot_steer_the_terminal(shell: Shell) -> None:
    connection = {"clientId": "c-1", "userId": "\x1b[2Jada", "channels": [], "seconds": 2.0}
    shell.remote = says(200, connections=[connection])
    result = shell.run("connections", environment=KEY)
    assert "\x1b" not in result.out
    assert "ada" in result.out


def test_what_is_published_is_json(shell: Shell) -> None:
    result = shell.run("publish", "lobby", "{", environment=KEY)
    assert result.code == 2
    assert "DATA is JSON" in result.err


def test_a_publication_says_its_place(shell: Shell) -> None:
    shell.remote = says(200, channel="lobby", epoch="e", seq=7, tag="t")
    result = shell.run("publish", "lobby", '{"a":1}', "--once", "x", environment=KEY)
    assert (result.code, result.out) == (0, "published as 7 of epoch e\n")


def test_whoever_is_kicked_is_looked_for_as_a_user_and_then_as_a_client(shell: Shell) -> None:
    asked: list[dict[str, object]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        asked.append(body)
        if body["method"] == "disconnect":
            return httpx.Response(200, json={"clients": 1})
        found = [{"clientId": "c-1", "userId": "ada", "channels": [], "seconds": 1.0}]
        return httpx.Response(200, json={"connections": found if "client" in body else []})

    shell.remote = httpx.MockTransport(answer)
    result = shell.run("kick", "c-1", environment=KEY)
    assert (result.code, result.out) == (0, "closed 1\n")
    assert asked[-1] == {"method": "disconnect", "client": "c-1"}


def test_nobody_to_kick_is_exit_code_1(shell: Shell) -> None:
    shell.remote = says(200, connections=[], clients=0)
    result = shell.run("kick", "ada", environment=KEY)
    assert (result.code, result.err) == (1, "tidewire: no user and no client ada is connected\n")


def test_top_shows_rates_of_users_channels_and_addresses(shell: Shell) -> None:
    share = [{"key": "ada", "count": 100}]
    shares = {"messages": share, "bytes": [], "errors": []}
    shell.remote = says(200, seconds=10.0, users=shares, channels=shares, addresses=shares)
    result = shell.run("top", "--once", environment=KEY)
    assert "by user" in result.out
    assert "10.0" in result.out
