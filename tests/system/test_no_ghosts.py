"""Whoever has gone is not here any more, however it went: those who stay are told."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from tests.support import rawframes
from tests.support.processes import ServerProcess
from tests.support.tokens import SECRET, bearer, claims, hmac_token
from tests.support.wire import RawConnection

CONFIG = f"""
[auth]
secrets = ["{SECRET}"]
[heartbeat]
interval_s = 1
timeout_s = 1
"""

CLIENT = """
import sys
from tests.support.wire import join
connection = join(int(sys.argv[1]), ("Authorization", "Bearer " + sys.argv[2]))
print("connected", flush=True)
connection.receive()
connection.frames_until_end()
"""


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    with ServerProcess(CONFIG) as process:
        yield process


def _join(server: ServerProcess, name: str, **said: object) -> RawConnection:
    return server.join(bearer(hmac_token(claims(sub=name, **said))))


def _stays_silent(client: RawConnection) -> None:
    """It reads nothing, and so answers no ping."""


def _names(watcher: RawConnection) -> list[str]:
    users = watcher.ask_json({"type": "presence", "channel": "lobby"})["users"]
    return [each["userId"] for each in users]


@pytest.mark.parametrize(
    ("name", "goes"),
    [
        ("closes", lambda client: client.send(rawframes.close(1000))),
        ("resets", RawConnection.reset),
        ("hangs-up", RawConnection.finish),
        ("breaks-a-rule", lambda client: client.send(rawframes.frame(0x3, b"?"))),
        ("vanishes", _stays_silent),
    ],
)
def test_one_who_goes_has_left_for_those_who_stay(
    server: ServerProcess, name: str, goes: Callable[[RawConnection], None]
) -> None:
    """Catalogue 69, 70."""
    with _join(server, "watcher") as watcher, _join(server, name) as client:
        watcher.expect("user_joined", userId=name)
        goes(client)
        watcher.expect("user_left", userId=name)
        assert _names(watcher) == ["watcher"]


def test_one_whose_token_runs_out_has_left(server: ServerProcess) -> None:
    """Catalogue 75."""
    expires_at = int(time.time()) + 2
    with _join(server, "watcher") as watcher, _join(server, "guest", exp=expires_at):
        watcher.expect("user_left", userId="guest")
        assert _names(watcher) == ["watcher"]


def test_one_whose_process_is_killed_has_left(server: ServerProcess) -> None:
    with _join(server, "watcher") as watcher:
        token = hmac_token(claims(sub="victim"))
        command = [sys.executable, "-c", CLIENT, str(server.port), token]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            watcher.expect("user_joined", userId="victim")
            process.kill()
            watcher.expect("user_left", userId="victim")
        assert _names(watcher) == ["watcher"]
