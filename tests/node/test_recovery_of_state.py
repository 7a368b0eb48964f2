"""Snapshots, rewinds and ends while the channel goes on: every interleaving with their steps."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.loops import drive
from tests.support.stages import SlowStage
from tidewire.channels.options import ChannelOptions
from tidewire.node import pages

CHANNELS = (
    ("lobby", ChannelOptions()),
    ("prices", ChannelOptions(keeps_latest=True, history_size=3, history_ttl_s=4)),
)
WRITE = st.tuples(st.sampled_from(["set", "brief", "remove"]), st.sampled_from("abc"))
STEP = st.one_of(
    WRITE,
    st.tuples(st.sampled_from(["tick", "engine", "client", "read", "time", "empty"]), st.just("")),
)
STEPS = st.lists(STEP, max_size=40)
BEFORE = st.lists(WRITE, max_size=8)


class Arrival:
    """A client that subscribes to a channel of prices while they go on changing."""

    def __init__(self, before: list[tuple[str, str]], **fields: Any) -> None:
        self.stage = SlowStage(CHANNELS)
        self.speaker = self.stage.peer("speaker")
        self.listener = self.stage.connect("listener")
        self.stage.send(self.listener, "subscribe", channel="prices")
        self.stage.answer(self.listener)
        for step, key in before:
            self.do(step, key)
        self.stage.loop.settle()
        self.client = self.stage.connect("client")
        self.client.take()
        self.client.reads_slowly = True
        self.stage.send(self.client, "subscribe", channel="prices", id=1, **fields)

    def do(self, step: str, key: str) -> None:
        match step:
            case "set":
                self._publish(key=key, data=1)
            case "brief":
                self._publish(key=key, data=1, ttl=1.5)
            case "remove":
                self._publish(key=key, op="remove")
            case "tick":
                self.stage.loop.turn()
            case "engine" if self.stage.engine.waiting:
                self.stage.engine.waiting.popleft().open()
            case "client":
                self.client.step()
            case "read":
                self.client.catch_up()
            case "time":
                self.stage.clock.advance(1.0)
                self.stage.engine.sweep()
            case "empty" if "prices" in self.listener.session.subscriptions:
                self.stage.leave(self.listener)

    def _publish(self, **fields: Any) -> None:
        command = {"type": "publish", "channel": "prices", "id": 1, **fields}
        self.stage.receive(self.speaker, json.dumps(command))

    def go_through(self, steps: list[tuple[str, str]]) -> None:
        """Take the steps, let everything end, and publish once more to see what comes live."""
        for step, key in steps:
            self.do(step, key)
        self.stage.answer(self.client)
        self.stage.loop.settle()
        self.do("set", "z")
        self.stage.loop.settle()

    @property
    def pages(self) -> list[dict[str, Any]]:
        return [each for each in self.client.messages if each["type"] == "subscribed"]

    @property
    def told(self) -> list[dict[str, Any]]:
        return [each for page in self.pages for each in page["messages"]]

    @property
    def live(self) -> list[dict[str, Any]]:
        return [each for each in self.client.messages if each["type"] == "message"]

    def check_live(self) -> None:
        """What came live follows the answer without a hole and without a duplicate."""
        first, head = self.pages[-1]["seq"] + 1, self.speaker.messages[-1]["seq"]
        assert [each["seq"] for each in self.live] == list(range(first, head + 1))

    def state(self) -> dict[str, int]:
        """The channel's latest, as a client makes them up from all it was told, in order."""
        latest: dict[str, int] = {}
        now_ms = self.stage.clock.time() * 1000
        for each in self.told + self.live:
            if each.get("op") == "remove" or each.get("expiresAt", now_ms + 1) <= now_ms:
                latest.pop(each["key"], None)
            else:
                latest[each["key"]] = each["seq"]
        return latest

    def truth(self) -> dict[str, int]:
        self.stage.engine.is_slow = False
        snapshot = drive(self.stage.node.snapshot("prices"))
        return {str(entry.key): entry.seq for entry in snapshot.entries}


@given(before=BEFORE, steps=STEPS, small=st.booleans())
def test_whoever_is_given_the_latest_has_the_channels_state_whatever_went_on(
    before: list[tuple[str, str]], steps: list[tuple[str, str]], small: bool
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pages, "PAGE_BYTES", 450 if small else 10_000)
        arrival = Arrival(before)
        arrival.go_through(steps)
    assert all(page["snapshot"] for page in arrival.pages)
    arrival.check_live()
    assert arrival.state() == arrival.truth()


@given(before=BEFORE, steps=STEPS, count=st.integers(1, 5), small=st.booleans())
def test_whoever_rewinds_is_told_the_latest_without_a_hole_and_goes_on_from_there(
    before: list[tuple[str, str]], steps: list[tuple[str, str]], count: int, small: bool
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pages, "PAGE_BYTES", 450 if small else 10_000)
        arrival = Arrival(before, rewind=count)
        arrival.go_through(steps)
    arrival.check_live()
    told = [each["seq"] for each in arrival.told]
    last = arrival.pages[-1]["seq"]
    assert told == list(range(last + 1 - len(told), last + 1))
    has_aged = ("time", "") in steps
    assert has_aged or len(told) >= min(count, len(before), 3)


@given(before=BEFORE, steps=STEPS)
def test_whoever_is_put_out_at_any_moment_hears_nothing_after_it_was_told(
    before: list[tuple[str, str]], steps: list[tuple[str, str]]
) -> None:
    """Catalogue 75."""
    arrival = Arrival(before)
    for step, key in steps:
        arrival.do(step, key)
    stage, client = arrival.stage, arrival.client
    stage.node.unsubscribe(client, "prices", "forbidden")
    stage.answer(client)
    told = len(client.messages)
    arrival.do("set", "z")
    stage.loop.settle()
    assert len(client.messages) == told
    assert client.messages[-1].get("code") == "forbidden"
    room = stage.hub.room("prices")
    assert room is None or (len(room), len(room.held)) == (1, 0)
