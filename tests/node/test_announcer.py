"""Joins and leaves: told to everyone in a small room, counted in a large one."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from tests.support.peers import FakePeer
from tests.support.stages import OCCUPANCY_INTERVAL_S, Stage
from tidewire.channels.options import ChannelOptions

LIMIT = 3


@pytest.fixture
def stage() -> Stage:
    """A lobby that announces up to three users."""
    return Stage(channels=[("lobby", ChannelOptions(announce_up_to=LIMIT)),
                           ("hall", ChannelOptions(announce_up_to=1))])  # fmt: skip


def _crowd(stage: Stage, count: int) -> list[FakePeer]:
    return [stage.connect(f"u{number}") for number in range(count)]


def _news(peer: FakePeer) -> list[tuple[str, Any]]:
    """What it was told about who is here."""
    about = {"user_joined": "userId", "user_left": "userId", "occupancy": "userCount"}
    return [
        (each["type"], each[about[each["type"]]]) for each in peer.take() if each["type"] in about
    ]


def test_up_to_the_limit_everyone_is_told_of_everyone(stage: Stage) -> None:
    crowd = _crowd(stage, LIMIT)
    assert _news(crowd[0]) == [("user_joined", "u1"), ("user_joined", "u2")]


def test_above_the_limit_there_is_one_count_an_interval_however_many_come_and_go(
    stage: Stage,
) -> None:
    watcher = _crowd(stage, LIMIT)[0]
    watcher.take()
    comers = [stage.connect(f"new{number}") for number in range(20)]
    for comer in comers[:5]:
        stage.leave(comer)
    assert _news(watcher) == []
    stage.loop.pass_time(OCCUPANCY_INTERVAL_S)
    assert _news(watcher) == [("occupancy", LIMIT + 15)]
    stage.loop.pass_time(10 * OCCUPANCY_INTERVAL_S)
    assert _news(watcher) == []


def test_a_large_room_that_goes_on_changing_is_counted_once_an_interval(stage: Stage) -> None:
    watcher = _crowd(stage, LIMIT + 1)[0]
    stage.loop.pass_time(OCCUPANCY_INTERVAL_S)
    watcher.take()
    for number in range(40):
        stage.connect(f"new{number}")
        stage.loop.pass_time(OCCUPANCY_INTERVAL_S / 10)
    counts = _news(watcher)
    assert [kind for kind, _ in counts] == ["occupancy"] * len(counts)
    assert len(counts) <= 4
    assert counts[-1][1] >= LIMIT + 40 - 10


def test_everyone_in_a_large_room_gets_the_count(stage: Stage) -> None:
    crowd = _crowd(stage, LIMIT + 2)
    for peer in crowd:
        peer.take()
    stage.loop.pass_time(OCCUPANCY_INTERVAL_S)
    assert [_news(peer) for peer in crowd] == [[("occupancy", LIMIT + 2)]] * (LIMIT + 2)


def test_a_newcomer_is_told_the_right_count_whatever_the_size(stage: Stage) -> None:
    counts = [peer.take()[0]["userCount"] for peer in _crowd(stage, LIMIT + 3)]
    assert counts == list(range(1, LIMIT + 4))


def test_a_second_client_of_a_user_changes_no_count(stage: Stage) -> None:
    watcher = _crowd(stage, LIMIT + 1)[0]
    stage.loop.pass_time(OCCUPANCY_INTERVAL_S)
    watcher.take()
    stage.leave(stage.connect("u1"))
    stage.loop.pass_time(OCCUPANCY_INTERVAL_S)
    assert _news(watcher) == []


def test_back_below_the_limit_everyone_is_told_of_everyone_again(stage: Stage) -> None:
    crowd = _crowd(stage, LIMIT + 1)
    stage.loop.pass_time(OCCUPANCY_INTERVAL_S)
    crowd[0].take()
    stage.leave(crowd[3])
    stage.leave(crowd[2])
    stage.connect("back")
    assert _news(crowd[0]) == [("user_left", "u3"), ("user_left", "u2"), ("user_joined", "back")]


def test_a_count_that_is_due_when_a_room_shrinks_is_right(stage: Stage) -> None:
    crowd = _crowd(stage, LIMIT + 1)
    stage.leave(crowd[3])
    crowd[0].take()
    stage.loop.pass_time(OCCUPANCY_INTERVAL_S)
    assert _news(crowd[0]) == [("occupancy", LIMIT)]


def test_a_room_that_closes_and_fills_again_is_not_counted_more_often(stage: Stage) -> None:
    watcher, guest = stage.connect("u1"), stage.connect("u2")

    def fill() -> None:
        for peer in (watcher, guest):
            stage.send(peer, "subscribe", channel="hall")

    fill()
    stage.loop.pass_time(OCCUPANCY_INTERVAL_S * 0.5)
    for peer in (guest, watcher):
        stage.send(peer, "unsubscribe", channel="hall")
    fill()
    watcher.take()
    told: list[float] = []
    for _ in range(30):
        stage.loop.pass_time(OCCUPANCY_INTERVAL_S / 10)
        told += [stage.clock.monotonic() for _ in _news(watcher)]
        stage.send(guest, "unsubscribe", channel="hall")
        stage.send(guest, "subscribe", channel="hall")
        _news(watcher)
    assert len(told) >= 2
    assert all(later - earlier > 0.95 for earlier, later in pairwise(told))
