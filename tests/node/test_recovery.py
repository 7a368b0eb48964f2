"""Subscribing from a position, and reading the past."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.asynchronous import run
from tests.support.loops import Stepper
from tests.support.peers import FakePeer
from tests.support.stages import SlowStage, Stage, since
from tidewire.errors import EngineUnavailable
from tidewire.hub import room as hub_room
from tidewire.node import pages

ROOM = "room:1"


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
def slow() -> SlowStage:
    return SlowStage()


def _publish(stage: Stage, count: int = 1, channel: str = ROOM, size: int = 0) -> dict[str, Any]:
    """Publish from elsewhere; the position of the last."""
    speaker = stage.peer("speaker")
    for _ in range(count):
        answer = stage.ask(speaker, "publish", channel=channel, data="x" * size, id=1)
    return since(answer)


def _seqs(messages: list[dict[str, Any]]) -> list[int]:
    return [each["seq"] for each in messages]


def _live(peer: FakePeer) -> list[int]:
    return [each["seq"] for each in peer.take() if each["type"] == "message"]


# --- what it is told --------------------------------------------------------------------------


def test_a_subscription_from_now_on_says_where_it_begins(stage: Stage) -> None:
    place = _publish(stage, 2)
    peer = stage.connect()
    answer = stage.ask(peer, "subscribe", channel=ROOM)
    assert answer == {"type": "subscribed", "channel": ROOM, **place, "recovery": "none",
                      "messages": []}  # fmt: skip
    _publish(stage)
    assert _live(peer) == [3]


def test_into_an_open_room_a_subscription_from_now_on_needs_no_waiting(stage: Stage) -> None:
    stage.ask(stage.connect(), "subscribe", channel=ROOM)
    peer = stage.connect()
    peer.take()
    stage.node.receive(peer, '{"type":"subscribe","channel":"room:1","id":1}')
    assert (peer.command, peer.answer()["type"]) == (None, "subscribed")


def test_whoever_comes_back_in_time_gets_exactly_what_it_missed_and_then_live(
    stage: Stage,
) -> None:
    place = _publish(stage, 2)
    head = _publish(stage, 3)
    peer = stage.connect()
    answer = stage.ask(peer, "subscribe", channel=ROOM, since=place, id=1)
    assert (answer["recovery"], _seqs(answer["messages"]), answer["id"]) == (
        "complete",
        [3, 4, 5],
        1,
    )
    assert since(answer) == head
    _publish(stage)
    assert _live(peer) == [6]


def test_whoever_missed_nothing_is_told_so(stage: Stage) -> None:
    place = _publish(stage, 2)
    answer = stage.ask(stage.connect(), "subscribe", channel=ROOM, since=place)
    assert (answer["recovery"], answer["messages"]) == ("complete", [])


@pytest.mark.parametrize(
    "wrong", [{"epoch": "other"}, {"tag": "other"}, {"seq": 99}, {"seq": 1, "tag": ""}]
)
def test_whoever_cannot_be_caught_up_is_told_of_the_gap_and_is_live(
    stage: Stage, wrong: dict[str, Any]
) -> None:
    """Catalogue 77 and 78: trimmed, ahead, another epoch, another entry."""
    _publish(stage, 5, "brief")  # which keeps three
    place = since(stage.ask(stage.connect(), "history", channel="brief"))
    peer = stage.connect()
    answer = stage.ask(peer, "subscribe", channel="brief", since={**place, **wrong})
    assert (answer["recovery"], answer["messages"]) == ("gap", [])
    assert since(answer) == place
    _publish(stage, 1, "brief")
    assert _live(peer) == [6]


def test_a_position_of_another_channel_is_a_gap(stage: Stage) -> None:
    """Catalogue 77."""
    _publish(stage, 3)
    elsewhere = _publish(stage, 2, "room:2")
    answer = stage.ask(stage.connect(), "subscribe", channel=ROOM, since=elsewhere)
    assert answer["recovery"] == "gap"


# --- already subscribed -----------------------------------------------------------------------


def test_the_lobby_replays_up_to_the_first_entry_that_came_live(stage: Stage) -> None:
    place = _publish(stage, 1, "lobby")
    _publish(stage, 2, "lobby")
    peer = stage.connect()
    peer.take()
    _publish(stage, 2, "lobby")
    live = _live(peer)
    answer = stage.ask(peer, "subscribe", channel="lobby", since=place)
    assert (answer["recovery"], _seqs(answer["messages"]), live) == ("complete", [2, 3], [4, 5])


def test_a_replay_leaves_the_subscription_as_it_is(stage: Stage) -> None:
    place = _publish(stage, 1, "lobby")
    peer = stage.connect()
    for _ in range(2):
        stage.ask(peer, "subscribe", channel="lobby", since=place)
    _publish(stage, 1, "lobby")
    assert _live(peer) == [2]
    assert stage.ask(peer, "presence", channel="lobby")["userCount"] == 1


def test_subscribing_again_answers_where_the_subscription_began(stage: Stage) -> None:
    place = _publish(stage)
    peer = stage.connect()
    stage.ask(peer, "subscribe", channel=ROOM)
    _publish(stage)
    assert since(stage.ask(peer, "subscribe", channel=ROOM)) == place


def test_a_replay_that_cannot_be_complete_is_a_gap(stage: Stage) -> None:
    _publish(stage, 3, "lobby")
    wrong = {"epoch": "other", "seq": 1, "tag": "t1"}
    answer = stage.ask(stage.connect(), "subscribe", channel="lobby", since=wrong)
    assert answer["recovery"] == "gap"


# --- pages ------------------------------------------------------------------------------------


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page holds two entries of a hundred bytes."""
    monkeypatch.setattr(pages, "PAGE_BYTES", 700)


@pytest.mark.usefixtures("small_pages")
def test_a_long_recovery_comes_in_pages_and_only_the_last_is_the_answer(stage: Stage) -> None:
    place = _publish(stage)
    head = _publish(stage, 5, size=100)
    peer = stage.connect()
    peer.take()
    stage.send(peer, "subscribe", channel=ROOM, since=place, id=9)
    pages = peer.take()
    assert [_seqs(each["messages"]) for each in pages] == [[2, 3], [4, 5], [6]]
    assert [each.get("more", False) for each in pages] == [True, True, False]
    assert [each.get("id") for each in pages] == [None, None, 9]
    assert [each["seq"] for each in pages] == [3, 5, head["seq"]]


@pytest.mark.usefixtures("small_pages")
def test_the_next_page_waits_until_the_one_before_has_left(stage: Stage) -> None:
    """Catalogue 67: recovery is no way around the bound of a slow reader's queue."""
    place = _publish(stage)
    _publish(stage, 5, size=100)
    peer = stage.connect()
    peer.reads_slowly = True
    peer.take()
    stage.send(peer, "subscribe", channel=ROOM, since=place)
    assert len(peer.take()) == 1
    _publish(stage)  # between two pages: it comes with the last
    peer.catch_up()
    peer.step()
    assert len(peer.take()) == 1
    peer.catch_up()
    peer.step()
    assert _seqs(peer.answer()["messages"]) == [6, 7]


@pytest.mark.usefixtures("small_pages")
def test_what_came_while_the_pages_left_comes_in_pages_too(stage: Stage) -> None:
    place = _publish(stage)
    _publish(stage, 3, size=100)
    peer = stage.connect()
    peer.reads_slowly = True
    peer.take()
    stage.send(peer, "subscribe", channel=ROOM, since=place)
    head = _publish(stage, 4, size=100)
    peer.catch_up()
    peer.step()
    pages = peer.take()
    assert [_seqs(each["messages"]) for each in pages] == [[2, 3], [4, 5], [6, 7], [8]]
    assert since(pages[-1]) == head


@pytest.mark.usefixtures("small_pages")
def test_entries_that_say_next_to_nothing_fill_a_page_too(stage: Stage) -> None:
    place = _publish(stage)
    _publish(stage, 9)
    peer = stage.connect()
    peer.take()
    stage.send(peer, "subscribe", channel=ROOM, since=place)
    assert max(len(each["messages"]) for each in peer.take()) <= 3


def test_more_than_is_kept_while_the_pages_leave_is_a_gap_in_the_end(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "PAGE_BYTES", 700)
    monkeypatch.setattr(hub_room, "MAX_HELD_BYTES", 500)
    place = _publish(stage)
    _publish(stage, 5, size=100)
    peer = stage.connect()
    peer.reads_slowly = True
    peer.take()
    stage.send(peer, "subscribe", channel=ROOM, since=place)
    head = _publish(stage, 3, size=100)
    for _ in range(2):
        peer.catch_up()
        peer.step()
    last = peer.take()[-1]
    assert (last["recovery"], last["messages"], since(last)) == ("gap", [], head)


# --- history ----------------------------------------------------------------------------------


def test_history_answers_the_latest_oldest_first_and_where_it_stands(stage: Stage) -> None:
    head = _publish(stage, 5)
    answer = stage.ask(stage.connect(), "history", channel=ROOM, limit=2, id=1)
    assert (answer["type"], answer["recovery"], answer["id"]) == ("history", "none", 1)
    assert (_seqs(answer["messages"]), since(answer)) == ([4, 5], head)
    assert "more" not in answer


def test_history_since_a_position_goes_on_page_by_page_to_the_end(stage: Stage) -> None:
    place = _publish(stage)
    head = _publish(stage, 5)
    peer, read, more = stage.connect(), list[int](), True
    while more:
        answer = stage.ask(peer, "history", channel=ROOM, since=place, limit=2)
        read += _seqs(answer["messages"])
        place, more = since(answer), answer.get("more", False)
    assert (read, place) == ([2, 3, 4, 5, 6], head)


@pytest.mark.usefixtures("small_pages")
def test_history_is_bounded_by_bytes_too(stage: Stage) -> None:
    place = _publish(stage)
    _publish(stage, 5, size=100)
    peer = stage.connect()
    latest = stage.ask(peer, "history", channel=ROOM)
    following = stage.ask(peer, "history", channel=ROOM, since=place)
    assert (_seqs(latest["messages"]), _seqs(following["messages"])) == ([5, 6], [2, 3])
    assert following["more"]


def test_history_says_gap_where_what_follows_cannot_be_told(stage: Stage) -> None:
    _publish(stage, 5, "brief")
    answer = stage.ask(
        stage.connect(), "history", channel="brief", since={"epoch": "other", "seq": 1}
    )
    assert (answer["recovery"], answer["messages"], answer["seq"]) == ("gap", [], 5)


def test_asking_after_a_channel_leaves_nothing_of_it_behind(stage: Stage) -> None:
    """Catalogue 71: names cost nothing."""
    peer = stage.connect()
    epochs = [
        stage.ask(peer, "history", channel="room:empty")["epoch"],
        stage.ask(peer, "history", channel="room:empty")["epoch"],
    ]
    assert epochs[0] != epochs[1]


# --- when it goes wrong -----------------------------------------------------------------------


def _wait(stage: SlowStage, peer: FakePeer, gates: int) -> None:
    """Let the engine answer ``gates`` times, and stop there."""
    for _ in range(gates):
        stage.engine.waiting.popleft().open()
        peer.step()


SUBSCRIBES: list[dict[str, Any]] = [{}, {"since": {"epoch": "e", "seq": 0}}]


@pytest.mark.parametrize("fields", SUBSCRIBES, ids=["from now on", "from a position"])
@pytest.mark.parametrize("gates", [0, 1])
def test_a_subscribe_that_fails_leaves_the_client_unsubscribed_and_nothing_behind(
    slow: SlowStage, fields: dict[str, Any], gates: int
) -> None:
    peer = slow.connect()
    peer.take()
    slow.send(peer, "subscribe", channel=ROOM, id=1, **fields)
    _wait(slow, peer, gates)
    slow.engine.waiting.popleft().fail(EngineUnavailable("gone"))
    peer.step()
    error = peer.answer()
    assert (error["code"], error["retryAfter"], error["id"]) == ("unavailable", 1, 1)
    assert ROOM not in peer.session.subscriptions
    assert slow.node.channel_count() == 1


@pytest.mark.parametrize("gates", [0, 1, 2, 3])
def test_a_recovery_that_is_cut_off_leaves_nothing_behind(slow: SlowStage, gates: int) -> None:
    peer = slow.connect()
    peer.take()
    slow.send(peer, "subscribe", channel=ROOM, since={"epoch": "e", "seq": 0})
    _wait(slow, peer, gates)
    slow.leave(peer)
    _publish(slow)
    assert peer.messages == []
    assert slow.node.channel_count() == 1


def test_a_command_that_is_cut_off_before_it_began_leaves_nothing_behind(slow: SlowStage) -> None:
    peer = slow.connect()
    slow.node.receive(peer, '{"type":"subscribe","channel":"room:1"}')
    assert isinstance(peer.command, Stepper)
    slow.leave(peer)
    assert slow.node.channel_count() == 1


def test_what_fails_unexpectedly_is_logged_and_answered_without_a_reason(
    slow: SlowStage, caplog: pytest.LogCaptureFixture
) -> None:
    peer = slow.connect()
    peer.take()
    slow.send(peer, "history", channel=ROOM, id=1)
    slow.engine.waiting.popleft().fail(RuntimeError("a secret"))
    peer.step()
    error = peer.answer()
    assert (error["code"], error["message"]) == ("internal", "internal error")
    assert "a secret" in caplog.text


# --- several at once --------------------------------------------------------------------------


def test_those_who_subscribe_at_the_same_time_all_hear_what_follows(slow: SlowStage) -> None:
    async def at_once() -> list[list[int]]:
        peers = [slow.connect(name) for name in ("ann", "bob", "cyd")]
        for peer in peers:
            slow.send(peer, "subscribe", channel=ROOM)
        for peer in peers:
            slow.answer(peer)
        _publish(slow)
        return [_live(peer) for peer in peers]

    assert run(at_once()) == [[1]] * 3


def test_the_first_to_leave_does_not_take_the_channel_from_who_is_about_to_enter(
    slow: SlowStage,
) -> None:
    async def leave_and_enter() -> list[int]:
        first, second = slow.connect("ann"), slow.connect("bob")
        for peer in (first, second):
            slow.send(peer, "subscribe", channel=ROOM)
        for gate in list(slow.engine.waiting):
            gate.open()
        second.step()  # as far as it comes
        slow.answer(first)
        slow.leave(first)
        slow.answer(second)
        _publish(slow)
        return _live(second)

    assert run(leave_and_enter()) == [1]


def test_one_who_gives_up_opening_does_not_take_the_others_along(slow: SlowStage) -> None:
    async def give_up() -> list[int]:
        first, second = slow.connect("ann"), slow.connect("bob")
        for peer in (first, second):
            slow.send(peer, "subscribe", channel=ROOM)
        slow.leave(first)
        slow.answer(second)
        _publish(slow)
        return _live(second)

    assert run(give_up()) == [1]


def test_one_who_gives_up_entering_an_open_channel_does_not_close_it(slow: SlowStage) -> None:
    first, second = slow.connect("ann"), slow.connect("bob")
    slow.send(first, "subscribe", channel=ROOM)
    slow.answer(first)
    slow.send(second, "subscribe", channel=ROOM, since={"epoch": "e", "seq": 0})
    slow.leave(second)
    _publish(slow)
    assert _live(first) == [1]


def test_one_who_waited_for_the_opening_and_gives_up_then_does_not_close_it(
    slow: SlowStage,
) -> None:
    async def give_up_late() -> list[int]:
        first, second = slow.connect("ann"), slow.connect("bob")
        for peer in (first, second):
            slow.send(peer, "subscribe", channel=ROOM, since={"epoch": "e", "seq": 0})
        slow.answer(first)
        second.step()
        for gate in slow.engine.waiting:
            gate.open()
        second.step()
        slow.leave(second)
        _publish(slow)
        return _live(first)

    assert run(give_up_late()) == [1]
