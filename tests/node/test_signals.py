"""Signals: told to the others, kept by nobody, and only from whom may publish."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.peers import FakePeer
from tests.support.stages import GENEROUS, Stage
from tidewire.channels.options import ChannelOptions
from tidewire.messages import Signal
from tidewire.security.rates import Rate
from tidewire.session import SessionLimits

CHANNELS = (
    ("lobby", ChannelOptions()),
    ("room:{name}", ChannelOptions()),
    ("notices", ChannelOptions(may_publish="nobody")),
    ("slow", ChannelOptions(publish_rate=Rate(1, 2))),
)
ROOM = "room:1"


@pytest.fixture
def stage() -> Stage:
    return Stage(channels=CHANNELS)


def _enter(stage: Stage, user: str = "ann", channel: str = ROOM) -> FakePeer:
    peer = stage.connect(user)
    stage.send(peer, "subscribe", channel=channel)
    peer.take()
    return peer


def _signals(peer: FakePeer) -> list[dict[str, Any]]:
    return [each for each in peer.take() if each["type"] == "signal"]


def _typing(stage: Stage, peer: FakePeer, data: Any = True, channel: str = ROOM) -> None:
    """In the turn that goes on."""
    message = {"type": "signal", "channel": channel, "name": "typing", "data": data}
    stage.receive(peer, json.dumps(message))


def test_a_signal_reaches_the_others_and_says_who_it_is_from(stage: Stage) -> None:
    ann, bob = _enter(stage), _enter(stage, "bob")
    stage.send(ann, "signal", channel=ROOM, name="cursor", data={"x": 1})
    assert _signals(ann) == []
    assert _signals(bob) == [
        {
            "type": "signal",
            "channel": ROOM,
            "name": "cursor",
            "from": "ann",
            "clientId": ann.session.client_id,
            "data": {"x": 1},
        }
    ]


def test_it_reaches_the_senders_other_clients(stage: Stage) -> None:
    tab, other_tab = _enter(stage), _enter(stage)
    _typing(stage, tab)
    stage.loop.settle()
    assert len(_signals(other_tab)) == 1


def test_of_those_in_one_turn_only_the_latest_goes_out(stage: Stage) -> None:
    ann, bob = _enter(stage), _enter(stage, "bob")
    for x in range(5):
        _typing(stage, ann, x)
    stage.loop.settle()
    assert [each["data"] for each in _signals(bob)] == [4]


def test_it_has_no_place_in_the_log(stage: Stage) -> None:
    ann, bob = _enter(stage), _enter(stage, "bob")
    _typing(stage, ann)
    stage.loop.settle()
    (told,) = _signals(bob)
    assert "seq" not in told
    assert stage.ask(bob, "history", channel=ROOM)["messages"] == []


def test_with_an_id_it_is_answered_and_without_one_it_is_not(stage: Stage) -> None:
    ann = _enter(stage)
    assert stage.ask(ann, "signal", channel=ROOM, name="x", id=7) == {"type": "result", "id": 7}
    stage.send(ann, "signal", channel=ROOM, name="x")
    assert ann.take() == []


@pytest.mark.parametrize("channel", [ROOM, "nowhere"])
def test_who_is_not_subscribed_may_not_signal(stage: Stage, channel: str) -> None:
    ann = stage.connect()
    assert stage.ask(ann, "signal", channel=channel, name="x")["code"] == "not_subscribed"


def test_who_may_not_publish_may_not_signal(stage: Stage) -> None:
    """Catalogue 73."""
    ann = _enter(stage, channel="notices")
    assert stage.ask(ann, "signal", channel="notices", name="x")["code"] == "forbidden"


def test_signals_count_as_publications_of_the_client() -> None:
    limits = SessionLimits(publications=Rate(1, 3), frames=GENEROUS.frames)
    stage = Stage(channels=CHANNELS, limits=limits)
    ann = _enter(stage)
    stage.ask(ann, "publish", channel=ROOM, data=1)
    for _ in range(2):
        _typing(stage, ann)
    assert stage.ask(ann, "signal", channel=ROOM, name="x")["code"] == "rate_limited"


def test_signals_count_as_publications_of_the_user() -> None:
    stage = Stage(channels=CHANNELS, user_rate=Rate(1, 2))
    one, other = _enter(stage), _enter(stage)
    _typing(stage, one)
    _typing(stage, one)
    stage.loop.settle()
    assert stage.ask(other, "signal", channel=ROOM, name="x")["code"] == "rate_limited"


def test_a_channel_may_have_a_rate_of_its_own(stage: Stage) -> None:
    ann = _enter(stage, channel="slow")
    for _ in range(2):
        _typing(stage, ann, channel="slow")
    assert stage.ask(ann, "signal", channel="slow", name="x")["code"] == "rate_limited"


def test_large_signals_have_a_rate_in_bytes() -> None:
    limits = SessionLimits(
        publications=GENEROUS.publications,
        frames=GENEROUS.frames,
        publication_bytes=Rate(100, 5_000),
    )
    stage = Stage(channels=CHANNELS, limits=limits)
    ann = _enter(stage)
    _typing(stage, ann, "x" * 4_000)
    refused = stage.ask(ann, "signal", channel=ROOM, name="x", data="x" * 4_000)
    assert refused["code"] == "rate_limited"


def test_the_application_signals_to_everyone_and_has_no_name(stage: Stage) -> None:
    ann, bob = _enter(stage), _enter(stage, "bob")
    stage.node.signal(Signal(ROOM, "reload", "", "", "null"))
    stage.loop.settle()
    told = {"type": "signal", "channel": ROOM, "name": "reload", "data": None}
    assert [_signals(ann), _signals(bob)] == [[told], [told]]


def test_a_signal_to_a_channel_that_nobody_is_in_is_lost(stage: Stage) -> None:
    stage.node.signal(Signal("room:empty", "reload", "", "", "null"))
    stage.loop.settle()
    assert _signals(_enter(stage, channel="room:empty")) == []


def test_who_is_behind_misses_signals_and_no_entry(stage: Stage) -> None:
    ann, bob = _enter(stage), _enter(stage, "bob")
    stage.fill(bob)
    _typing(stage, ann)
    stage.send(ann, "publish", channel=ROOM, data=1)
    stage.drain(bob)
    assert [each["type"] for each in bob.take()] == ["message"]
