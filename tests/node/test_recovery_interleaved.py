"""Recovery while the channel goes on: every interleaving of publications with its steps."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.peers import FakePeer
from tests.support.stages import SlowStage, since
from tidewire.hub import room as hub_room
from tidewire.node import pages

STEPS = st.lists(
    st.sampled_from(["publish", "submit", "tick", "engine", "client", "read"]), max_size=40
)


class Comeback:
    """A client that saw ``seen`` publications of a channel, and subscribes from there."""

    def __init__(self, channel: str, *, seen: int, missed: int, warm: bool) -> None:
        self.channel = channel
        self.stage = SlowStage()
        self.speaker = self.stage.peer("speaker")
        if warm:  # somebody else is subscribed: the channel is open already
            listener = self.stage.connect("listener")
            self.stage.send(listener, "subscribe", channel=channel)
            self.stage.answer(listener)
        for _ in range(seen):
            self.do("publish")
        self.place = self._place()
        for _ in range(missed):
            self.do("publish")
        self.client = self.stage.connect("client")
        self.client.take()
        self.client.reads_slowly = True
        self.stage.send(self.client, "subscribe", channel=channel, since=self.place, id=1)

    def _place(self) -> dict[str, Any]:
        asker = self.stage.peer("asker")
        self.stage.send(asker, "history", channel=self.channel)
        self.stage.answer(asker)
        return since(asker.answer())

    @property
    def head(self) -> int:
        return int(self.speaker.messages[-1]["seq"]) if self.speaker.messages else 0

    def do(self, step: str) -> None:
        match step:
            case "publish" | "submit":
                command = {"type": "publish", "channel": self.channel, "data": 1, "id": 1}
                self.stage.receive(self.speaker, json.dumps(command))
                if step == "publish":
                    self.stage.loop.settle()
            case "tick":
                self.stage.loop.turn()
            case "engine" if self.stage.engine.waiting:
                self.stage.engine.waiting.popleft().open()
            case "client":
                self.client.step()
            case "read":
                self.client.catch_up()

    def finish(self) -> None:
        """Let everything end, and publish once more to see that the client is live."""
        self.stage.answer(self.client)
        self.stage.loop.settle()
        self.do("publish")


def _split(client: FakePeer) -> tuple[list[dict[str, Any]], list[int]]:
    """The pages of the answer, and what came live."""
    pages = [each for each in client.messages if each["type"] == "subscribed"]
    live = [each["seq"] for each in client.messages if each["type"] == "message"]
    return pages, live


def _check(comeback: Comeback) -> str:
    """No hole and no duplicate, whatever it was told; answers what it was told."""
    pages, live = _split(comeback.client)
    answer = pages[-1]
    told = [each["seq"] for page in pages for each in page["messages"]]
    assert live == list(range(answer["seq"] + 1, comeback.head + 1))
    if answer["recovery"] == "complete":
        assert told == list(range(comeback.place["seq"] + 1, answer["seq"] + 1))
    assert [page.get("id") for page in pages] == [None] * (len(pages) - 1) + [1]
    assert all(a["seq"] < b["seq"] for a, b in pairwise(pages))
    return str(answer["recovery"])


@given(
    seen=st.integers(1, 4),
    missed=st.integers(0, 5),
    warm=st.booleans(),
    small=st.booleans(),
    steps=STEPS,
)
def test_whoever_comes_back_in_time_misses_nothing_and_hears_nothing_twice(
    seen: int, missed: int, warm: bool, small: bool, steps: list[str]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pages, "PAGE_BYTES", 450 if small else 10_000)
        comeback = Comeback("room:1", seen=seen, missed=missed, warm=warm)
        for step in steps:
            comeback.do(step)
        comeback.finish()
        assert _check(comeback) == "complete"


@given(seen=st.integers(1, 4), missed=st.integers(0, 5), warm=st.booleans(), steps=STEPS)
def test_whoever_may_have_come_back_too_late_is_caught_up_wholly_or_told_so(
    seen: int, missed: int, warm: bool, steps: list[str]
) -> None:
    """The channel keeps three entries, and a client is kept two."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hub_room, "MAX_HELD_BYTES", 450)
        comeback = Comeback("brief", seen=seen, missed=missed, warm=warm)
        for step in steps:
            comeback.do(step)
        comeback.finish()
        assert _check(comeback) == "complete" or comeback.head - seen >= 3


@given(seen=st.integers(1, 4), missed=st.integers(0, 3), warm=st.booleans(), steps=STEPS)
def test_wherever_a_recovery_is_cut_off_nothing_of_it_stays(
    seen: int, missed: int, warm: bool, steps: list[str]
) -> None:
    comeback = Comeback("room:1", seen=seen, missed=missed, warm=warm)
    for step in steps:
        comeback.do(step)
    stage, client = comeback.stage, comeback.client
    stage.leave(client)
    heard = len(client.messages)
    comeback.do("publish")
    assert len(client.messages) == heard
    assert stage.node.channel_count() == 1 + warm
    room = stage.hub.room("room:1")
    assert room is None or len(room) == 1
