"""The founding document's ReconnectingWebSocket class, as it is written, against our server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from tests.support.node import NodeProcess
from tests.support.processes import ServerProcess

PLAY_CLASS = Path(__file__).parent / "seed" / "play-class.js"


@pytest.fixture
def server() -> Iterator[ServerProcess]:
    with ServerProcess(command="demo") as running:
        yield running


def client_of(server: ServerProcess) -> AbstractContextManager[NodeProcess]:
    """The class in Node, connected by its own constructor to the server's address."""
    return NodeProcess(PLAY_CLASS, (f"ws://127.0.0.1:{server.port}",))


def told(client: NodeProcess, type_: str, **fields: object) -> dict[str, Any]:
    """The next message of this type that ``onMessage`` was called with."""
    message: dict[str, Any] = client.expect("message", type=type_, **fields)
    return message


def test_the_class_is_greeted_with_its_id_and_how_many_are_here(server: ServerProcess) -> None:
    with client_of(server) as client:
        greeting = told(client, "connected")
    assert isinstance(greeting["userId"], str)
    assert greeting["userCount"] == 1


def test_the_class_hears_who_comes_and_who_goes(server: ServerProcess) -> None:
    with client_of(server) as first:
        told(first, "connected")
        with client_of(server) as second:
            newcomer = told(second, "connected")["userId"]
            assert told(first, "user_joined")["userId"] == newcomer
        assert told(first, "user_left")["userId"] == newcomer


def test_what_the_class_sends_reaches_everyone_with_its_sender_and_time(
    server: ServerProcess,
) -> None:
    with client_of(server) as first:
        told(first, "connected")  # two that start at once may arrive in either order
        with client_of(server) as second:
            speaker = told(second, "connected")["userId"]
            told(first, "user_joined", userId=speaker)
            second.send({"type": "chat", "text": "Hello, world!"})
            for client in (first, second):
                chat = told(client, "chat")
                assert (chat["from"], chat["text"]) == (speaker, "Hello, world!")
                assert isinstance(chat["timestamp"], int)


def test_the_class_gets_a_pong_for_its_ping(server: ServerProcess) -> None:
    with client_of(server) as client:
        told(client, "connected")
        client.send({"type": "ping"})
        told(client, "pong")


def test_the_class_survives_a_server_that_is_killed_and_restarted(server: ServerProcess) -> None:
    with client_of(server) as client:
        told(client, "connected")
        server.kill()
        server.start()
        told(client, "connected")
        client.send({"type": "chat", "text": "still here"})
        assert told(client, "chat")["text"] == "still here"
