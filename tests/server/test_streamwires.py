"""The promise of every id: it claims what was written to its stream, all of it and no more.

Browsers come, read some of what they are sent, are cut off anywhere, and come
back with the last id they kept. Whatever happens between, in however many
channels: each reads every publication once, in order, from where it first came.
"""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.eventstreams import StreamEvent, parse
from tests.support.publications import entry
from tests.support.streams import Listening, StreamStage
from tidewire.channels.options import ChannelOptions
from tidewire.dialects.eventstream import read_id
from tidewire.dialects.native import NativeDialect
from tidewire.hub import core as hub_core
from tidewire.messages import Failure, Position, Skipped, Subscribed
from tidewire.node import pages
from tidewire.server import streamwires
from tidewire.server.streamwires import StreamWire

BROWSERS = 5
LISTS = (("room:a",), ("room:a", "room:b"), ("room:b", "room:a"), ("room:a", "room:b"))
CHANNELS = (
    ("room:a", ChannelOptions()),
    ("room:b", ChannelOptions(slow_reader="conflate")),
)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["come", "come", "cut", "publish", "submit", "submit", "turn", "turn", "engine",
             "engine", "task", "task", "fill", "empty", "join", "read"]
        ),
        st.integers(0, 59),
    ),
    max_size=90,
)  # fmt: skip


class Browser:
    """What one page has seen, over all its connections."""

    def __init__(self, channels: tuple[str, ...]) -> None:
        self.channels = channels
        self.stream: Listening | None = None
        self.last_id = ""
        self.seen: dict[str, list[int]] = {channel: [] for channel in channels}
        self.begins: dict[str, int] = {}  # where it was first told that it stands, by channel
        self.stands: dict[str, int] = {}  # where it stands by all that it has read

    def take(self, events: list[StreamEvent]) -> None:
        for event in events:
            said = event.json()
            if event.name == "message":
                self._see(said["channel"], said["seq"], said["seq"])
            elif event.name == "skipped":
                self._see(said["channel"], said["from"], said["to"])
            elif event.name == "subscribed" and "channel" in said:
                assert said["recovery"] != "gap"
                self.begins.setdefault(said["channel"], said["seq"])
                self.stands[said["channel"]] = said["seq"]
            if event.last_id != self.last_id:
                self.last_id = event.last_id
                assert self.claims == self.stands

    def _see(self, channel: str, first: int, last: int) -> None:
        self.seen[channel] += range(first, last + 1)
        self.stands[channel] = last

    @property
    def claims(self) -> dict[str, int]:
        """What its id says."""
        positions = read_id(self.last_id, len(self.channels))
        named = zip(self.channels, positions, strict=True)
        return {channel: position.seq for channel, position in named if position is not None}

    def lose(self) -> None:
        """Its connection, and whatever its id does not say."""
        self.stream = None
        self.stands = self.claims


class World:
    """A few browsers, two channels, and somebody who publishes."""

    def __init__(self) -> None:
        self.stage = StreamStage(channels=CHANNELS)
        self.speaker = self.stage.peer("speaker")
        for channel in ("room:a", "room:b"):  # open, so that nobody waits for another's opening
            self.stage.send(self.stage.connect("warm"), "subscribe", channel=channel)
        for peer in self.stage.node.clients:
            peer.step()  # type: ignore[attr-defined]  # a FakePeer
        self.stage.loop.settle()
        self.stage.engine.is_slow = True
        self.browsers = [Browser(LISTS[n % len(LISTS)]) for n in range(BROWSERS)]

    def do(self, step: str, number: int) -> None:
        browser = self.browsers[number % BROWSERS]
        match step:
            case "come" if browser.stream is None:
                browser.stream = self.stage.listen(*browser.channels, last_id=browser.last_id)
            case "cut" if browser.stream is not None:
                browser.take(browser.stream.read_part(number / 59))
                browser.stream.cut()
                browser.lose()
            case "read" if browser.stream is not None:
                browser.take(browser.stream.read())
            case "publish" | "submit":
                channel = "room:a" if number % 2 else "room:b"
                self._publish(channel, key=f"k{number % 4}")
                if step == "publish":
                    self.stage.loop.settle()
            case "turn":
                self.stage.loop.turn()
            case "engine":
                self.stage.answer(1 + number % 4)
            case "task":
                for task in self.stage.tasks.unfinished()[number % 3 :]:
                    task.step()
            case "fill" if browser.stream is not None and not browser.stream.stream.is_behind:
                browser.stream.fill()
            case "empty" if browser.stream is not None and browser.stream.stream.is_behind:
                browser.stream.empty()
            case "join":
                self.stage.connect(f"visitor{number}")

    def finish(self) -> None:
        """Everybody comes back, everything arrives, and there is one more of each."""
        self._let_through()
        for number, browser in enumerate(self.browsers):
            if browser.stream is not None and browser.stream.is_over:  # it read too slowly
                self.do("cut", 59 // BROWSERS * BROWSERS - BROWSERS + number)
            self.do("come", number)
        self._let_through()
        for channel in ("room:a", "room:b"):
            self._publish(channel)
        self._let_through()
        for browser in self.browsers:
            assert browser.stream is not None
            browser.take(browser.stream.read())

    def _publish(self, channel: str, **fields: str) -> None:
        command = {"type": "publish", "channel": channel, "data": 1, **fields}
        self.stage.receive(self.speaker, json.dumps(command))

    def _let_through(self) -> None:
        for browser in self.browsers:
            if browser.stream is not None and browser.stream.stream.is_behind:
                browser.stream.empty()
        self.stage.settle()

    def head(self, channel: str) -> int:
        room = self.stage.hub.room(channel)
        assert room is not None
        return room.position.seq


def _check(world: World) -> None:
    for browser in world.browsers:
        for channel in browser.channels:
            seen = browser.seen[channel]
            first = seen[0]
            assert seen == list(range(first, world.head(channel) + 1))
            assert first <= browser.begins[channel] + 1


@settings(max_examples=300, deadline=None)
@given(sharing=st.sampled_from([1, 2, 1_024]), small=st.booleans(), steps=STEPS)
def test_whatever_happens_a_browser_reads_every_publication_once_and_in_order(
    sharing: int, small: bool, steps: list[tuple[str, int]]
) -> None:
    """Catalogue 67, 77."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streamwires, "MAX_SHARING", sharing)
        patch.setattr(pages, "PAGE_BYTES", 450 if small else 10_000)
        patch.setattr(hub_core, "CHUNK_MEMBERS", 1)
        world = World()
        for step, number in steps:
            world.do(step, number)
        world.finish()
        _check(world)


def test_whom_an_entry_excludes_is_told_so_and_nobodys_id_goes_back() -> None:
    wire = StreamWire(NativeDialect(), {"room": Position("e", 4, "t4")})
    wire.is_common = True
    wire.frames([entry(5), entry(6)])
    skipped = Skipped(channel="room", first=5, last=5, reason="excluded")
    (told,) = parse(wire.frames([skipped])[0])
    assert (told.name, told.last_id) == ("skipped", "")
    assert wire.places == {"room": Position("e", 6, "t6")}


def test_a_snapshot_is_claimed_only_at_its_end() -> None:
    """A cut within it must bring all of it again."""
    wire = StreamWire(NativeDialect(), {"room": None})
    answer = Subscribed(channel="room", epoch="e", seq=9, tag="t9", recovery="gap", snapshot=True,
                        messages=[entry(3), entry(7)])  # fmt: skip
    events = parse(wire.event(answer))
    assert [each.name for each in events] == ["gap", "message", "message", "subscribed"]
    assert [each.last_id for each in events] == ["", "", "", "e:9:t9"]


def test_what_a_browser_would_take_for_its_own_error_has_another_name() -> None:
    wire = StreamWire(NativeDialect(), {})
    (told,) = parse(wire.event(Failure(code="forbidden", message="no", channel="room")))
    assert told.name == "refused"
