"""Commands that are clients, on a real server: subscribe, call and chat."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator

import pytest

from tests.cli.commands import Shell
from tests.support.inprocess import settings_for
from tidewire import App
from tidewire.app import Client as Visitor
from tidewire.app import Refused
from tidewire.cli.chat import line_of
from tidewire.cli.lines import as_json_line, as_text
from tidewire.client import ChannelEvent, Entry, Gap, Position, Signal, Skip
from tidewire.client.blocking import connect
from tidewire.messages import UserJoined, UserLeft
from tidewire.testing.blocking import BlockingServer, running

ROOM = "room:1"


@pytest.fixture
def server() -> Iterator[BlockingServer]:
    """Three entries are in the room, and one of them is bytes."""
    app = App()

    @app.call("double")
    async def double(client: Visitor, n: int) -> int:
        if n < 0:
            raise Refused("above zero, please")
        return 2 * n

    with running(app, settings_for()) as server:
        with connect(server.websocket_url, token=server.token("ann")) as client:
            for data in ("one", {"two": 2}, b"\0"):
                client.publish(ROOM, data)
        yield server


def _follow(shell: Shell, server: BlockingServer, *flags: str) -> list[dict[str, object]]:
    result = shell.run("subscribe", ROOM, "--url", server.url, *flags)
    assert result.code == 0, result.err
    return [json.loads(line) for line in result.out.splitlines()]


def test_in_a_pipe_entries_are_lines_of_json(shell: Shell, server: BlockingServer) -> None:
    lines = _follow(shell, server, "--last", "3", "--count", "3")
    assert [line["data"] for line in lines] == ["one", {"two": 2}, "AA=="]
    assert {line["from"] for line in lines} == {"ann"}


def test_a_printed_position_is_where_it_goes_on(shell: Shell, server: BlockingServer) -> None:
    [first] = _follow(shell, server, "--last", "3", "--count", "1")
    since = str(first["position"])
    lines = _follow(shell, server, "--since", since, "--count", "2")
    assert [line["data"] for line in lines] == [{"two": 2}, "AA=="]


def test_a_channel_that_is_not_ours_is_one_sentence_and_exit_code_1(
    shell: Shell, server: BlockingServer
) -> None:
    result = shell.run("subscribe", "elsewhere", "--url", server.url)
    assert (result.code, result.err.count("\n")) == (1, 1)


@pytest.mark.parametrize(
    "flags",
    [("a", "b", "--since", "e:1:t"), ("a", "--since", "here"), ("a", "--url", "ftp://x"), ()],
)
def test_what_cannot_be_followed_is_exit_code_2(shell: Shell, flags: tuple[str, ...]) -> None:
    result = shell.run("subscribe", *flags)
    assert (result.code, result.err.count("\n")) == (2, 1)


def test_nobody_there_is_a_failed_start_that_says_why(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tidewire.cli.live.PATIENCE_S", 0.2)
    result = shell.run("call", "double", "--url", "http://127.0.0.1:1")
    assert result.code == 3
    assert result.err.startswith("tidewire: cannot use ws://127.0.0.1:1/ws: ")


def test_a_call_prints_its_answer(shell: Shell, server: BlockingServer) -> None:
    result = shell.run("call", "double", '{"n": 21}', environment={"TIDEWIRE_URL": server.url})
    assert (result.code, result.out) == (0, "42\n")


def test_a_refused_call_is_its_reason_and_exit_code_1(shell: Shell, server: BlockingServer) -> None:
    result = shell.run("call", "double", '{"n": -1}', "--url", server.url)
    assert (result.code, result.err) == (1, "tidewire: above zero, please\n")


def test_what_is_typed_is_said(
    shell: Shell, server: BlockingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("hello\n\n  there  \n"))
    token = server.token("bob")
    result = shell.run("chat", ROOM, "--url", server.url, "--token", token)
    assert result.code == 0, result.err
    with connect(server.websocket_url) as client:
        said = [each for each in client.history(ROOM).entries if each.type == "chat"]
    assert [each.data for each in said] == [{"text": "hello"}, {"text": "there"}]
    assert {each.user_id for each in said} == {"bob"}


# --- lines ------------------------------------------------------------------------------------

SAID = {"text": "hi\x1b[2J"}
HI: Entry[object] = Entry("a", Position("e:1", 7, "t"), 0, "ann", "chat", SAID, key="k")


def test_a_position_is_printed_so_that_it_can_be_read_again() -> None:
    line = json.loads(as_json_line(HI))
    assert (line["position"], line["key"]) == ("e%3A1:7:t", "k")


def test_on_a_terminal_nothing_that_is_said_steers_it() -> None:
    assert as_text(HI).endswith("  a  ann: hi?[2J")


def test_gaps_and_what_is_left_out_are_lines_of_their_own() -> None:
    gap, skip = Gap("a", Position("e", 9, "t")), Skip("a", 3, 5, "dropped")
    assert json.loads(as_json_line(gap))["type"] == "gap"
    assert json.loads(as_json_line(skip))["to"] == 5
    assert "missed" in as_text(gap)
    assert "3 to 5" in as_text(skip)


def test_a_chat_shows_who_says_what_and_who_is_here() -> None:
    joined, left = UserJoined(user_id="bob", channel="a"), UserLeft(user_id="bob", channel="a")
    events: list[ChannelEvent[object]] = [
        HI,
        joined,
        left,
        Gap("a", Position("e", 1)),
        Signal("a", "typing", None, "b", "c"),
    ]
    lines = [line_of(event) for event in events]
    assert lines[1:] == ["* bob is here", "* bob has gone", "* something was missed", None]
