"""What ``tidewire verify`` takes and says; what it finds is in ``testing/test_drill``."""

from __future__ import annotations

from functools import partial

import pytest

from tests.cli.commands import Shell
from tests.support.inprocess import settings_for
from tests.support.saboteurs import CHANNEL, HUB, DroppingHub, Tally
from tidewire.cli.deployment import websocket_url
from tidewire.cli.verify import as_plain, conclusion
from tidewire.errors import ConfigError
from tidewire.testing.blocking import running
from tidewire.testing.drill import Verdict
from tidewire.testing.score import Broken, Counts
from tidewire.testing.violations import Hole

HOLE = Hole("room", "ann", "e", 4, 6)


def _verdict(*violations: Hole, doubts: tuple[str, ...] = ()) -> Verdict:
    return Verdict(
        Counts(sent=9, acknowledged=7, refused=1), Broken(3, 0, 0, 0, 0), violations, doubts
    )


def test_a_server_that_keeps_its_promises_passes(shell: Shell) -> None:
    with running() as server:
        result = shell.run("verify", server.url, "--for", "0.5s", "--rate", "100")
    assert result.code == 0, result.err
    assert result.out.endswith("every promise held\n")
    assert "acknowledged" in result.out
    assert "lost" in result.out


def test_a_server_that_loses_entries_does_not_pass(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(HUB, partial(DroppingHub, Tally()))
    options = ("--for", "1.5s", "--rate", "400", "--channel", CHANNEL)
    with running(settings=settings_for()) as server:
        result = shell.run("verify", server.url, *options)
    assert result.code == 1
    assert "hole: s1 never received entry 50 of room:1, without being told" in result.out


def test_json_has_every_number(shell: Shell) -> None:
    with running() as server:
        result = shell.run("verify", server.url, "--for", "0.5s", "--rate", "100", "--json")
    told = result.json()
    assert told["held"] is True
    assert told["acknowledged"] > 0
    assert told["delivered"] >= 3 * told["acknowledged"]
    assert (told["lost"], told["violations"], told["doubts"]) == (0, [], [])


def test_the_history_can_be_kept(shell: Shell) -> None:
    with running() as server:
        shell.run("verify", server.url, "--for", "0.5s", "--record", "history.jsonl")
    assert b'"op":"ok"' in (shell.directory / "history.jsonl").read_bytes()


def test_nobody_there_is_a_failed_start(shell: Shell) -> None:
    result = shell.run("verify", "ws://127.0.0.1:1", "--for", "1s")
    assert result.code == 3
    assert result.err.startswith("tidewire: cannot use ws://127.0.0.1:1/ws: ")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (("ftp://host",), "URL must look like"),
        (("ws://host", "--for", "soon"), "is no duration"),
        (("ws://host", "--for", "7d"), "operations"),
        (("ws://host", "--token", "a b\n"), "no token has"),
        (("ws://host", "--token-file", "missing"), "cannot read"),
        (("ws://host", "--subscribers", "0"), "--subscribers"),
    ],
)
def test_wrong_usage_is_one_sentence(shell: Shell, wrong: tuple[str, ...], said: str) -> None:
    result = shell.run("verify", *wrong)
    assert result.code == 2
    assert said in result.err


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("http://127.0.0.1:8080", "ws://127.0.0.1:8080/ws"),
        ("https://rt.example.com/", "wss://rt.example.com/ws"),
        ("wss://example.com/live/ws?a=b", "wss://example.com/live/ws?a=b"),
    ],
)
def test_a_deployment_is_named_as_people_do(given: str, meant: str) -> None:
    assert websocket_url(given) == meant


@pytest.mark.parametrize("text", ["", "host:80", "ws://", "ws://host:99999", "ws://h ost"])
def test_what_is_no_url_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        websocket_url(text)


def test_a_verdict_says_whether_it_was_broken_unproven_or_held() -> None:
    assert conclusion(_verdict(HOLE)) == "broken promises: 1"
    assert conclusion(_verdict(doubts=("ended early",))) == "not proven"
    assert conclusion(_verdict()) == "every promise held"


def test_a_violation_is_told_in_fields_and_in_a_sentence() -> None:
    told = as_plain(_verdict(HOLE))
    assert told["unanswered"] == 1
    assert told["violations"] == [{"kind": "Hole", "text": str(HOLE), **_fields(HOLE)}]


def _fields(hole: Hole) -> dict[str, object]:
    names = ("channel", "subscriber", "epoch", "first", "last")
    return {name: getattr(hole, name) for name in names} | {"lost": ()}
