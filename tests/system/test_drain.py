"""Leaving: SIGTERM lets everybody go in good order, and SIGKILL blocks no next start."""

from __future__ import annotations

import signal
import socket
from pathlib import Path

import pytest

from tests.support import rawframes
from tests.support.asynchronous import wait_until
from tests.support.processes import ServerProcess
from tests.support.uvicorn_process import UvicornProcess
from tests.support.wire import RawConnection, crowd

DRAINING = 1012
ANONYMOUS = "[auth]\nanonymous = true\n[limits]\nunfinished_handshakes_per_ip = 1000\n"


def _takes_newcomers(server: ServerProcess) -> bool:
    try:
        return server.get("/readyz").status == 200
    except (OSError, AssertionError):
        return False


def test_everybody_is_told_to_come_back_and_the_server_ends_well() -> None:
    """Catalogue 91."""
    with ServerProcess(ANONYMOUS) as server, crowd(server.join() for _ in range(50)) as clients:
        server.terminate()
        for client in clients:
            assert client.expect("draining")["window"] > 0
            assert client.close_code().code == DRAINING
            client.send(rawframes.close(DRAINING))
        assert server.wait() == 0


def test_a_draining_server_takes_no_newcomers() -> None:
    """Catalogue 91: one client that stays keeps it draining while we look."""
    with ServerProcess(ANONYMOUS) as server, server.join() as lingering:
        server.terminate()
        wait_until(lambda: not _takes_newcomers(server), "it takes nobody any more")
        assert lingering.close_code().code == DRAINING
        lingering.send(rawframes.close(DRAINING))
        assert server.wait() == 0


def test_a_client_that_never_answers_its_close_is_cut() -> None:
    """Catalogue 46, 91: the deadline holds whatever clients do."""
    flags = ("--drain-timeout", "2")
    with ServerProcess(ANONYMOUS, flags=flags) as server, server.join() as deaf:
        server.terminate()
        assert server.wait() == 0
        assert deaf.close_code().code == DRAINING


def test_what_was_said_before_the_end_is_delivered() -> None:
    """Catalogue 91: what is acknowledged has been handed to those who were there."""
    with ServerProcess(ANONYMOUS) as server, server.join() as ada, server.join() as bob:
        assert ada.ask_json({"type": "chat", "text": "last words"})["type"] == "published"
        server.terminate()
        assert bob.expect("chat")["text"] == "last words"


@pytest.mark.parametrize("first", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_stops_at_once(first: signal.Signals) -> None:
    flags = ("--drain-timeout", "3600")
    with ServerProcess(ANONYMOUS, flags=flags) as server, server.join() as deaf:
        server.process.send_signal(first)
        wait_until(lambda: not _takes_newcomers(server), "it has begun to drain")
        server.process.send_signal(first)
        assert server.wait() == 0
        deaf.frames_until_end()


def test_killed_it_starts_again_on_the_same_port() -> None:
    """Catalogue 90: its clients' half-open connections are in nobody's way."""
    with ServerProcess(ANONYMOUS) as server, crowd(server.join() for _ in range(5)):
        server.kill()
        server.start()
        with server.join() as client:
            assert client.ask_json({"type": "ping"})["type"] == "pong"


def _greets(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(30)
        try:
            client.connect(str(path))
            client.sendall(b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            answer: bytes = client.recv(1000)
        except OSError:
            return False
    return b" 200 " in answer


class UnixProcess(ServerProcess):
    """Listens on a Unix socket in its folder."""

    def _is_ready(self) -> bool:
        assert self.process.poll() is None, "the server ended instead of starting"
        return _greets(self.folder / "socket")


def test_killed_it_starts_again_on_the_same_unix_socket() -> None:
    """A killed process leaves its socket's file behind."""
    with UnixProcess(ANONYMOUS, flags=("--uds", "socket")) as server:
        server.kill()
        assert (server.folder / "socket").exists()
        server.start()
        assert _greets(server.folder / "socket")


# -- uvicorn's own command ---------------------------------------------------------------------


@pytest.fixture
def anonymous() -> dict[str, str]:
    return {"TIDEWIRE_AUTH__ANONYMOUS": "true"}


def test_under_uvicorn_people_chat(anonymous: dict[str, str]) -> None:
    with (
        UvicornProcess(environment=anonymous) as server,
        server.join() as ada,
        server.join() as bob,
    ):
        ada.send_json({"type": "chat", "text": "hi"})
        assert bob.expect("chat")["text"] == "hi"


def test_under_uvicorn_sigterm_drains(anonymous: dict[str, str]) -> None:
    with UvicornProcess(environment=anonymous) as server, server.join() as client:
        server.terminate()
        assert client.expect("draining")["window"] > 0
        assert client.close_code().code == DRAINING
        client.send(rawframes.close(DRAINING))
        server.wait()


def _chats(one: RawConnection, other: RawConnection) -> bool:
    one.send_json({"type": "chat", "text": "hi"})
    return bool(other.expect("chat")["text"] == "hi")


def test_the_plain_event_loop_does_everything_too() -> None:
    with (
        ServerProcess(ANONYMOUS, flags=("--loop", "asyncio")) as server,
        server.join() as ada,
        server.join() as bob,
    ):
        assert _chats(ada, bob)
        server.terminate()
        for client in (ada, bob):
            assert client.close_code().code == DRAINING
            client.send(rawframes.close(DRAINING))
        assert server.wait() == 0
