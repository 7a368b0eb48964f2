"""System channels: the node's own, that no client can name."""

from __future__ import annotations

import pytest

from tests.support.asynchronous import run
from tests.support.loops import Stepper, drive
from tests.support.stages import SlowStage, Stage
from tidewire.channels.options import ChannelOptions
from tidewire.engines.base import Snapshot
from tidewire.errors import EngineUnavailable
from tidewire.messages import Publication

NAME = "$revocations"
OPTIONS = ChannelOptions(keeps_latest=True)


def _publish(stage: Stage, key: str) -> None:
    entry = Publication(NAME, 0, "", 0, "", "", f'"{key}"', key=key)
    stage.node.publish(entry, OPTIONS, None)
    stage.loop.settle()


def _keys(entries: list[Publication]) -> list[str | None]:
    return [entry.key for entry in entries]


def test_who_follows_is_told_what_there_is_and_then_what_follows() -> None:
    stage, told = Stage(), list[Publication]()
    _publish(stage, "a")
    snapshot = drive(stage.node.follow(NAME, OPTIONS, told.extend))
    assert _keys(snapshot.entries) == ["a"]
    _publish(stage, "b")
    assert _keys(told) == ["b"]


def test_what_comes_while_the_latest_are_read_is_neither_lost_nor_told_twice() -> None:
    slow, told = SlowStage(), list[Publication]()
    answered: list[Snapshot] = []

    async def follow() -> None:
        answered.append(await slow.node.follow(NAME, OPTIONS, told.extend))

    following = Stepper(follow())
    published = 0
    while not following.is_done:
        published += 1
        _publish(slow, f"k{published}")
        following.step()
        while slow.engine.waiting:
            slow.engine.waiting.popleft().open()
    _publish(slow, "last")
    (snapshot,) = answered
    told_in_all = _keys(snapshot.entries) + _keys(told)
    assert told_in_all == [*(f"k{number + 1}" for number in range(published)), "last"]


def test_what_cannot_be_opened_is_not_followed() -> None:
    slow, told = SlowStage(), list[Publication]()
    following = Stepper(slow.node.follow(NAME, OPTIONS, told.extend))
    following.step()
    slow.engine.waiting.popleft().fail(EngineUnavailable("gone"))
    with pytest.raises(EngineUnavailable):
        following.step()
    _publish(slow, "a")
    assert told == []


@pytest.mark.parametrize("kind", ["subscribe", "history", "presence", "publish"])
def test_no_client_can_name_a_system_channel(kind: str) -> None:
    """Catalogue 59."""
    stage = Stage(channels=[("*", ChannelOptions())], lobby="lobby")
    fields = {"data": 1} if kind == "publish" else {}
    answer = stage.ask(stage.connect(), kind, channel=NAME, **fields)
    assert answer["code"] == "forbidden"


def test_a_clients_channel_cannot_be_followed() -> None:
    with pytest.raises(ValueError, match="begins with"):
        drive(Stage().node.follow("room:1", OPTIONS, list.clear))  # type: ignore[arg-type]


def test_system_channels_are_not_listed() -> None:
    async def names() -> list[str]:
        stage = Stage()
        await stage.node.follow(NAME, OPTIONS, lambda entries: None)
        _publish(stage, "a")
        return await stage.node.channels()

    assert run(names()) == ["lobby"]
