"""What ``tidewire bench`` takes and says."""

from __future__ import annotations

import pytest

from tests.cli.commands import Shell
from tidewire.testing.blocking import running

SMALL = ("--connections", "5", "--rate", "20", "--for", "0.5s")


def test_a_server_is_loaded_and_timed(shell: Shell) -> None:
    with running() as server:
        result = shell.run("bench", server.url, *SMALL)
    assert result.code == 0, result.err
    for word in ("p99.9", "delivery", "acknowledgement", "connecting", "undelivered"):
        assert word in result.out


def test_json_has_counts_and_milliseconds(shell: Shell) -> None:
    with running() as server:
        told = shell.run("bench", server.url, *SMALL, "--storm", "--json").json()
    assert (told["subscribers"], told["acknowledged"], told["undelivered"]) == (4, 10, 0)
    assert told["times_ms"]["returning"]["count"] == 4
    assert 0 < told["times_ms"]["delivery"]["p50"] <= told["times_ms"]["delivery"]["max"]


def test_nobody_there_is_a_failed_start(shell: Shell) -> None:
    result = shell.run("bench", "ws://127.0.0.1:1")
    assert result.code == 3
    assert "cannot use ws://127.0.0.1:1/ws" in result.err


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (("--publishers", "100"), "somebody has to listen"),
        (("--connections", "2", "--processes", "3"), "--processes"),
        (("--payload", "10"), "--payload"),
        (("--for", "x"), "is no duration"),
    ],
)
def test_wrong_usage_is_one_sentence(shell: Shell, wrong: tuple[str, ...], said: str) -> None:
    result = shell.run("bench", "ws://host", *wrong)
    assert result.code == 2
    assert said in result.err
    assert result.err.count("\n") == 1
