"""The server for tests that are not async."""

from __future__ import annotations

import threading

import pytest

from tidewire.app import App
from tidewire.testing.blocking import running
from tidewire.testing.client import Disconnected


def test_a_plain_test_connects_speaks_and_hears() -> None:
    with running() as server:
        ann, ben = server.connect("ann"), server.connect("ben")
        ben.expect("connected", userId="ben")
        ann.send({"type": "chat", "text": "hi"})
        assert ben.expect("chat", text="hi")["from"] == "ann"
        assert ann.request({"type": "ping"})["type"] == "pong"
        assert ann.receive()["type"] == "connected"


def test_what_does_not_come_is_a_timeout_and_nothing_is_lost_by_waiting() -> None:
    with running() as server:
        ann = server.connect("ann")
        with pytest.raises(TimeoutError):
            ann.expect("never", timeout_s=0.01)
        ann.expect_nothing(for_s=0.01)
        ann.send({"type": "ping"})
        assert ann.receive()["type"] == "pong"
        ann.send({"type": "ping"})
        with pytest.raises(AssertionError, match="this came"):
            ann.expect_nothing(for_s=60)


def test_a_test_does_things_in_the_servers_loop() -> None:
    app = App()
    with running(app) as server:
        ann = server.connect("ann")
        position = server.do(app.publish("lobby", 1))
        assert ann.expect("message")["seq"] == position.seq
        assert app.publish_soon("lobby", 2).wait(60).seq == position.seq + 1


def test_a_client_closes_or_is_gone_without_a_word() -> None:
    with running() as server:
        ann, ben, proxy = server.connect("ann"), server.connect("ben"), server.proxy()
        assert proxy.port != server.port
        ben.expect("connected")
        ann.close()
        ben.expect("user_left", userId="ann")
        ben.abort()
        with pytest.raises(Disconnected):
            ben.receive()


def test_nothing_is_left_when_the_test_is_over() -> None:
    before = threading.active_count()
    with running() as server:
        server.connect("ann")
    assert threading.active_count() == before
