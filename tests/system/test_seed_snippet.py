"""The founding document's plain browser code, as it is written, against our server in Node."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.node import NodeProcess
from tests.support.processes import ServerProcess

PLAY_SNIPPET = Path(__file__).parent / "seed" / "play-snippet.js"


@pytest.fixture
def server() -> Iterator[ServerProcess]:
    with ServerProcess(command="demo") as running:
        yield running


def test_the_snippet_connects_says_hello_and_shows_it(server: ServerProcess) -> None:
    with NodeProcess(PLAY_SNIPPET, (str(server.port),)) as snippet:
        assert snippet.expect("log") == "Connected to server"
        shown = snippet.expect("displayed")
    assert (shown["type"], shown["text"]) == ("chat", "Hello, world!")


def test_the_snippet_logs_its_id_and_who_joins(server: ServerProcess) -> None:
    with NodeProcess(PLAY_SNIPPET, (str(server.port),)) as snippet:
        snippet.expect("displayed")
        with server.join() as other:
            wanted = f"User {other.connected['userId']} joined"
            logged = iter(lambda: snippet.expect("log"), wanted)
            assert not any(line.endswith("undefined joined") for line in logged)


def test_the_snippet_notices_a_lost_server_and_asks_to_reconnect(server: ServerProcess) -> None:
    with NodeProcess(PLAY_SNIPPET, (str(server.port),)) as snippet:
        snippet.expect("displayed")
        server.kill()
        snippet.expect("reconnect")
