"""What the application is asked and told of those who come, go and speak."""

from __future__ import annotations

import json

import pytest

from tests.support.applications import FakeApplication, Move, ask, finish, turn
from tests.support.asynchronous import run
from tests.support.peers import FakePeer, LineWire
from tests.support.stages import CHANNELS, Stage
from tidewire.channels.options import ChannelOptions
from tidewire.errors import CommandRefused
from tidewire.node.application import Greeting
from tidewire.websocket import close_codes


def _stage(application: FakeApplication) -> Stage:
    return Stage(application=application, channels=[*CHANNELS, ("vip", ChannelOptions(
        may_subscribe="nobody"))])  # fmt: skip


# --- coming and going -------------------------------------------------------------------------


def test_a_newcomer_hears_and_does_nothing_until_the_application_has_let_it_in() -> None:
    async def come() -> None:
        application = FakeApplication(greeting=Greeting(("vip", "room:1")))
        application.is_open.clear()
        stage = _stage(application)
        peer = stage.connect()
        await turn(stage, peer)
        assert (peer.take(), peer.session.subscriptions) == ([], {})
        application.is_open.set()
        await finish(stage, peer)
        told = [(each["type"], each["channel"]) for each in peer.take()]
        assert told == [("connected", "lobby"), ("subscribed", "vip"), ("subscribed", "room:1")]

    run(come())


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (CommandRefused("forbidden", "members only"), close_codes.FORBIDDEN),
        (CommandRefused("rate_limited", "members only"), close_codes.FORBIDDEN),
        (RuntimeError("a secret"), close_codes.INTERNAL_ERROR),
    ],
)
def test_whom_the_application_does_not_let_in_is_closed_with_the_reason(
    error: Exception, code: close_codes.CloseCode
) -> None:
    async def come() -> FakePeer:
        application = FakeApplication(greeting=Greeting())
        application.fails = error
        stage = _stage(application)
        peer = stage.connect()
        await finish(stage, peer)
        stage.leave(peer, 4003)
        assert application.told == []  # it never was here
        return peer

    peer = run(come())
    assert (peer.closed, peer.messages) == (code, [])
    assert peer.close_reason in ("members only", "internal error")


def test_the_application_is_told_who_has_gone_and_why() -> None:
    application = FakeApplication()
    stage = _stage(application)
    peer = stage.connect("ann")
    stage.node.leave(peer, 4008, "reading too slowly")
    assert ("farewell", "ann", 4008, "reading too slowly") in application.told


def test_the_application_is_told_of_the_first_and_the_last_and_all_between() -> None:
    application = FakeApplication()
    stage = _stage(application)
    ann, bob = stage.connect("ann"), stage.connect("bob")
    application.told.clear()
    for peer in (ann, bob):
        stage.ask(peer, "subscribe", channel="room:1")
    stage.ask(ann, "unsubscribe", channel="room:1")
    stage.ask(bob, "unsubscribe", channel="room:1")
    assert application.told == [
        ("occupied", "room:1"),
        ("subscribed", "ann", "room:1"),
        ("subscribed", "bob", "room:1"),
        ("unsubscribed", "ann", "room:1"),
        ("unsubscribed", "bob", "room:1"),
        ("vacated", "room:1"),
    ]


def test_an_application_that_fails_at_the_news_harms_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Failing(FakeApplication):
        def occupied(self, channel: str) -> None:
            raise RuntimeError("a bug")

    stage = _stage(Failing())
    answer = stage.ask(stage.connect(), "subscribe", channel="room:1")
    assert answer["type"] == "subscribed"
    assert "a bug" in caplog.text


# --- its own messages, and calls --------------------------------------------------------------


def test_a_message_of_the_applications_own_is_handed_over_and_answered_where_asked() -> None:
    async def move() -> None:
        application = FakeApplication()
        stage = _stage(application)
        peer = stage.connect("ann", LineWire([Move]))
        peer.take()
        assert await ask(stage, peer, "move", x=1, id=5) == {"type": "result", "id": 5}
        stage.send(peer, "move", x=2)
        await finish(stage, peer)
        assert peer.messages == []
        moves = [each[1].x for each in application.told if isinstance(each[1], Move)]
        assert moves == [1, 2]

    run(move())


@pytest.mark.parametrize(
    "message",
    [{"x": "1"}, {}, {"x": 1, "id": -1}, {"x": 1, "id": 1.5}],
)
def test_a_message_that_is_not_as_declared_is_malformed(message: dict[str, object]) -> None:
    """Catalogue 54 and 55."""
    application = FakeApplication()
    stage = _stage(application)
    peer = stage.connect("ann", LineWire([Move]))
    peer.take()
    stage.receive(peer, json.dumps({"type": "move", **message}))
    assert peer.answer()["code"] == "malformed"
    assert peer.command is None


def test_a_call_is_answered_with_what_the_application_says() -> None:
    async def call() -> None:
        stage = _stage(FakeApplication())
        peer = stage.connect()
        answer = await ask(stage, peer, "call", method="echo", data={"a": 1}, id=3)
        assert answer == {"type": "result", "id": 3, "data": {"a": 1}}
        error = await ask(stage, peer, "call", method="nothing", id=4)
        assert (error["code"], error["id"]) == ("malformed", 4)

    run(call())


def test_a_server_without_an_application_has_nothing_to_call() -> None:
    async def call() -> str:
        stage = Stage()
        return str((await ask(stage, stage.connect(), "call", method="echo", id=1))["code"])

    assert run(call()) == "forbidden"
