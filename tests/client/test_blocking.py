"""The client for scripts: the same server, no event loop."""

from __future__ import annotations

import threading
from itertools import islice

import pytest

from tests.support.inprocess import settings_for
from tidewire import App
from tidewire.app import Client as Visitor
from tidewire.client import ClientClosed
from tidewire.client.blocking import connect
from tidewire.testing.blocking import running

ROOM = "room:1"


def test_a_script_publishes_reads_and_asks() -> None:
    app = App()

    @app.call("double")
    async def double(client: Visitor, n: int) -> int:
        return 2 * n

    with running(app, settings_for()) as server, connect(server.websocket_url) as client:
        positions = [client.publish(ROOM, number) for number in range(3)]
        assert [each.data for each in islice(client.read(ROOM, rewind=3), 3)] == [0, 1, 2]
        assert [each.data for each in client.history(ROOM, since=positions[0]).entries] == [1, 2]
        assert client.call("double", {"n": 2}) == 4
        assert client.presence("lobby").user_count == 1


def test_a_token_is_asked_for_in_a_thread() -> None:
    asked: list[str] = []

    with running(None, settings_for()) as server:

        def get_token() -> str:
            asked.append(threading.current_thread().name)
            return server.token("ann")

        with connect(server.websocket_url, get_token=get_token) as client:
            client.publish(ROOM, 1)
    assert asked
    assert "tidewire-client" not in asked


def test_leaving_ends_the_thread_and_loops_that_read() -> None:
    with running(None, settings_for()) as server:
        with connect(server.websocket_url) as client:
            threads = {each.name for each in threading.enumerate()}
        assert "tidewire-client" in threads
        assert "tidewire-client" not in {each.name for each in threading.enumerate()}
        client.close()


def test_nobody_there_is_an_error_in_time() -> None:
    with pytest.raises(TimeoutError), connect("ws://127.0.0.1:1/ws", timeout_s=0.2):
        pass


def test_a_server_that_refuses_is_an_error_at_once() -> None:
    with (
        running(None, settings_for()) as server,
        pytest.raises(ClientClosed),
        connect(f"ws://127.0.0.1:{server.port}/nowhere"),
    ):
        pass
