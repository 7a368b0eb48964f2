"""Subscribing: several at once, with a past, and what the server does unasked."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.support.asynchronous import run
from tests.support.loops import Stepper
from tests.support.peers import FakePeer
from tests.support.stages import SlowStage, Stage, position, since
from tidewire.channels.options import ChannelOptions
from tidewire.errors import CommandRefused
from tidewire.node import pages

ROOM = "room:1"
CHANNELS = (
    ("lobby", ChannelOptions()),
    ("room:{name}", ChannelOptions()),
    ("brief", ChannelOptions(history_size=3)),
    ("prices", ChannelOptions(keeps_latest=True, history_size=3)),
    ("vault", ChannelOptions(may_subscribe="nobody")),
)


@pytest.fixture
def stage() -> Stage:
    return Stage(channels=CHANNELS)


def _publish(stage: Stage, *given: Any, channel: str = ROOM, **fields: Any) -> dict[str, Any]:
    """Publish from elsewhere; the position of the last."""
    speaker = stage.peer("speaker")
    for data in given:
        answer = stage.ask(speaker, "publish", channel=channel, data=data, id=1, **fields)
    return since(answer)


def _data(message: dict[str, Any]) -> list[Any]:
    return [each["data"] for each in message["messages"]]


def _live(peer: FakePeer) -> list[Any]:
    return [each["data"] for each in peer.take() if each["type"] == "message"]


# --- several in one command -------------------------------------------------------------------


def test_several_channels_are_answered_one_by_one_and_then_together(stage: Stage) -> None:
    place = _publish(stage, 1)
    _publish(stage, 2)
    peer = stage.connect()
    peer.take()
    places = [{"channel": ROOM, "since": place}, {"channel": "vault"}, {"channel": "room:2"}]
    stage.send(peer, "subscribe", channels=places, id=7)
    caught_up, refused, fresh, answer = peer.take()
    assert (caught_up["channel"], caught_up["recovery"], _data(caught_up)) == (
        ROOM, "complete", [2],
    )  # fmt: skip
    assert (refused["type"], refused["channel"], refused["code"]) == (
        "error", "vault", "forbidden",
    )  # fmt: skip
    assert (fresh["type"], fresh["channel"]) == ("subscribed", "room:2")
    assert answer == {
        "type": "subscribed", "id": 7, "channels": [ROOM, "room:2"], "refused": ["vault"],
    }  # fmt: skip
    assert not any("id" in each for each in (caught_up, refused, fresh))


def test_more_channels_than_a_client_may_have_are_refused_one_by_one(stage: Stage) -> None:
    """Catalogue 71."""
    peer = stage.connect()
    peer.take()
    places = [{"channel": f"room:{number}"} for number in range(128)]
    stage.send(peer, "subscribe", channels=places)
    *_, refused, answer = peer.take()
    assert (refused["code"], refused["channel"]) == ("limit", "room:127")
    assert len(answer["channels"]) == 127
    assert len(peer.session.subscriptions) == 128


def test_the_past_of_the_next_channel_waits_until_that_of_the_one_before_has_left(
    stage: Stage,
) -> None:
    """Catalogue 67: recovery of many channels is no way around a slow reader's queue."""
    for name in ("room:1", "room:2"):
        _publish(stage, "x", channel=name)
    peer = stage.connect()
    peer.reads_slowly = True
    peer.take()
    places = [{"channel": "room:1", "rewind": 1}, {"channel": "room:2", "rewind": 1}]
    stage.send(peer, "subscribe", channels=places)
    assert [each["channel"] for each in peer.take()] == ["room:1"]
    peer.catch_up()
    peer.step()
    assert [each.get("channel") for each in peer.take()] == ["room:2", None]


# --- the latest so many -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "expected"), [(2, [4, 5]), (5, [1, 2, 3, 4, 5]), (300, [1, 2, 3, 4, 5])]
)
def test_a_rewind_answers_the_latest_so_many_or_all_there_are_and_goes_live(
    stage: Stage, count: int, expected: list[int]
) -> None:
    head = _publish(stage, 1, 2, 3, 4, 5)
    peer = stage.connect()
    answer = stage.ask(peer, "subscribe", channel=ROOM, rewind=count, id=1)
    assert (answer["recovery"], _data(answer), since(answer)) == ("none", expected, head)
    _publish(stage, 6)
    assert _live(peer) == [6]


def test_a_position_counts_for_more_than_a_rewind(stage: Stage) -> None:
    place = _publish(stage, 1, 2)
    _publish(stage, 3)
    answer = stage.ask(stage.connect(), "subscribe", channel=ROOM, since=place, rewind=300)
    assert (answer["recovery"], _data(answer)) == ("complete", [3])


def test_a_rewind_where_one_is_subscribed_already_ends_where_the_live_ones_began(
    stage: Stage,
) -> None:
    _publish(stage, 1, 2, 3, channel="lobby")
    peer = stage.connect()
    _publish(stage, 4, 5, channel="lobby")
    answer = stage.ask(peer, "subscribe", channel="lobby", rewind=2)
    assert (_data(answer), answer["seq"]) == ([2, 3], 3)


def test_a_long_rewind_comes_in_pages(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "PAGE_BYTES", 450)
    _publish(stage, *range(5))
    peer = stage.connect()
    peer.take()
    stage.send(peer, "subscribe", channel=ROOM, rewind=5, id=1)
    told = peer.take()
    assert [_data(each) for each in told] == [[0, 1], [2, 3], [4]]
    assert [each["recovery"] for each in told] == ["none"] * 3


# --- the latest of each key -------------------------------------------------------------------


def _prices(stage: Stage, **given: Any) -> dict[str, Any]:
    for key, value in given.items():
        place = _publish(stage, value, channel="prices", key=key)
    return place


def test_a_channel_that_keeps_the_latest_answers_them_first_and_goes_live(stage: Stage) -> None:
    _prices(stage, eur=1, usd=2, gbp=3)
    head = _prices(stage, eur=4)
    peer = stage.connect()
    answer = stage.ask(peer, "subscribe", channel="prices", id=1)
    assert (answer["snapshot"], answer["recovery"]) == (True, "none")
    assert [(each["key"], each["data"]) for each in answer["messages"]] == [
        ("usd", 2), ("gbp", 3), ("eur", 4),
    ]  # fmt: skip
    assert since(answer) == head
    _prices(stage, usd=5)
    assert _live(peer) == [5]


def test_who_comes_back_in_time_is_replayed_what_it_missed_and_else_given_the_latest(
    stage: Stage,
) -> None:
    early = _prices(stage, eur=1)
    late = _prices(stage, usd=2, gbp=3, chf=4)
    _prices(stage, eur=5)
    peer = stage.connect()
    answer = stage.ask(peer, "subscribe", channel="prices", since=late)
    assert (answer["recovery"], _data(answer)) == ("complete", [5])
    assert "snapshot" not in answer
    stage.ask(peer, "unsubscribe", channel="prices")
    answer = stage.ask(peer, "subscribe", channel="prices", since=early)
    assert (answer["recovery"], answer["snapshot"]) == ("gap", True)
    assert _data(answer) == [2, 3, 4, 5]


def test_a_key_that_was_taken_out_or_has_run_out_is_not_among_the_latest(stage: Stage) -> None:
    _prices(stage, eur=1, usd=2)
    _publish(stage, 3, channel="prices", key="gbp", ttl=10)
    _publish(stage, None, channel="prices", key="eur", op="remove")
    answer = stage.ask(stage.connect(), "subscribe", channel="prices")
    assert [each["key"] for each in answer["messages"]] == ["usd", "gbp"]
    stage.clock.advance(11)
    answer = stage.ask(stage.connect(), "subscribe", channel="prices")
    assert [each["key"] for each in answer["messages"]] == ["usd"]


def test_asking_for_the_latest_again_leaves_the_subscription_as_it_is(stage: Stage) -> None:
    _prices(stage, eur=1)
    peer = stage.connect()
    stage.ask(peer, "subscribe", channel="prices")
    _prices(stage, eur=2)
    answer = stage.ask(peer, "subscribe", channel="prices")
    assert (answer["snapshot"], _data(answer)) == (True, [2])
    _prices(stage, eur=3)
    assert _live(peer) == [3]


# --- the server's own doing -------------------------------------------------------------------


def test_a_peer_is_subscribed_by_the_server_whatever_it_may_do_itself(stage: Stage) -> None:
    async def put_in() -> None:
        peer = stage.connect()
        peer.take()
        await stage.node.subscribe(peer, "vault")
        told = peer.answer()
        assert (told["type"], told["channel"], "id" in told) == ("subscribed", "vault", False)
        _publish(stage, 1, channel="vault")
        assert _live(peer) == [1]
        stage.node.unsubscribe(peer, "vault", "forbidden")
        assert peer.answer() == {"type": "unsubscribed", "channel": "vault", "code": "forbidden"}
        stage.node.unsubscribe(peer, "vault", "forbidden")
        assert peer.messages == []

    run(put_in())


def test_a_peer_is_subscribed_by_the_server_from_a_position(stage: Stage) -> None:
    async def put_in() -> None:
        place = _publish(stage, 1)
        _publish(stage, 2)
        peer = stage.connect()
        peer.take()
        await stage.node.subscribe(peer, ROOM, position({"type": "", **place}))
        assert _data(peer.answer()) == [2]

    run(put_in())


def test_what_does_not_exist_and_who_has_gone_cannot_be_subscribed(stage: Stage) -> None:
    async def put_in() -> None:
        peer = stage.connect()
        with pytest.raises(CommandRefused):
            await stage.node.subscribe(peer, "nowhere")
        stage.leave(peer)
        with pytest.raises(CommandRefused):
            await stage.node.subscribe(peer, ROOM)

    run(put_in())
    assert stage.node.channel_count() == 1


def test_who_goes_while_the_server_subscribes_it_leaves_nothing_behind() -> None:
    """Nobody cancels the server's own subscribe: it has to look."""
    slow = SlowStage()
    peer = slow.connect()
    subscribing = Stepper(slow.node.subscribe(peer, ROOM))
    subscribing.step()
    slow.leave(peer)
    slow.engine.waiting.popleft().open()
    subscribing.step()
    slow.engine.waiting.popleft().open()
    with pytest.raises(CommandRefused):
        subscribing.step()
    assert slow.node.channel_count() == 1


def test_who_is_put_out_while_it_subscribes_does_not_get_in() -> None:
    """Catalogue 75: a revocation meanwhile is not overtaken."""
    slow = SlowStage()
    peer = slow.connect()
    peer.take()
    slow.send(peer, "subscribe", channel=ROOM, id=1)
    slow.node.unsubscribe(peer, ROOM, "forbidden")
    slow.answer(peer)
    assert (peer.answer()["code"], slow.node.channel_count()) == ("forbidden", 1)
    assert ROOM not in peer.session.subscriptions


def test_who_is_put_out_while_it_reads_the_past_of_its_channel_is_not_told_that_it_is_in() -> None:
    """Catalogue 75."""
    slow = SlowStage()
    peer = slow.connect()
    peer.take()
    slow.send(peer, "subscribe", channel="lobby", since={"epoch": "e1", "seq": 0}, id=1)
    slow.node.unsubscribe(peer, "lobby", "forbidden")
    slow.answer(peer)
    put_out, refused = peer.take()
    assert (put_out["type"], refused["type"], refused["id"]) == ("unsubscribed", "error", 1)


def test_the_server_waits_for_a_subscribe_of_the_clients_own() -> None:
    slow = SlowStage()

    async def both() -> None:
        peer = slow.connect()
        peer.take()
        slow.send(peer, "subscribe", channel=ROOM, since={"epoch": "e", "seq": 0}, id=1)
        task = asyncio.create_task(slow.node.subscribe(peer, ROOM))
        await asyncio.sleep(0)
        slow.answer(peer)
        await task
        first, second = peer.take()
        assert (first["id"], first["recovery"], second["recovery"]) == (1, "gap", "none")
        room = slow.hub.room(ROOM)
        assert room is not None
        assert (len(room), len(room.held)) == (1, 0)

    run(both())
