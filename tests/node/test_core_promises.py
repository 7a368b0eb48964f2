"""The node's promises, whatever happens in whatever order: the history checker is the judge.

Clients come, go, fall behind and recover while others publish and the engine takes its time;
what everybody was told is one history.
"""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.peers import FakePeer
from tests.support.stages import SlowStage, position
from tidewire.channels.options import ChannelOptions
from tidewire.messages import Position
from tidewire.node import pages
from tidewire.testing.checker import check
from tidewire.testing.experiment import Experiment
from tidewire.testing.history import Acknowledged, Failed, Invoked, Message
from tidewire.testing.notes import Notes

CHANNELS = {
    "plenty": ChannelOptions(history_size=1000),
    "brief": ChannelOptions(history_size=3),
    "newest": ChannelOptions(slow_reader="drop_oldest"),
    "latest": ChannelOptions(slow_reader="conflate"),
}
NAMES = ("ann", "bob", "cid")
ACTIONS = ("publish", "submit", "tick", "engine", "come", "go", "step", "read", "fill", "drain")
STEPS = st.lists(st.tuples(st.sampled_from(ACTIONS), st.sampled_from(NAMES)), max_size=60)


class Trial:
    """Subscribers of one channel, who come and go, and somebody who publishes in it."""

    def __init__(self, channel: str) -> None:
        self.channel = channel
        self.stage = SlowStage(CHANNELS.items())
        self.experiment = Experiment("trial")
        self.notes = {name: Notes(name, (channel,), self.experiment) for name in NAMES}
        self.present: dict[str, FakePeer] = {}
        self.speaker = self.stage.peer("speaker")
        self.sent = 0
        listener = self.stage.connect("listener")  # the channel is open: that is not the subject
        self.stage.send(listener, "subscribe", channel=channel)
        self.stage.answer(listener)

    def do(self, action: str, name: str) -> None:
        peer = self.present.get(name)
        match action:
            case "publish" | "submit":
                self.publish(key=name, at_once=action == "publish")
            case "tick":
                self.stage.loop.turn()
            case "engine" if self.stage.engine.waiting:
                self.stage.engine.waiting.popleft().open()
            case "come" if peer is None:
                self.come(name)
            case "go" if peer is not None:
                self.go(name, peer)
            case "step" if peer is not None:
                peer.step()
            case "read" if peer is not None:
                peer.catch_up()
            case "fill" if peer is not None and not peer.is_behind:
                self.stage.fill(peer)
            case "drain" if peer is not None and peer.is_behind:
                self.stage.drain(peer)
        self.listen()

    def publish(self, key: str, *, at_once: bool) -> None:
        self.sent += 1
        message = Message("speaker", self.sent)
        self.experiment.history.append(Invoked(self.channel, message))
        data = self.experiment.label(message, 0)
        command = {"type": "publish", "channel": self.channel, "id": self.sent, "key": key}
        self.stage.receive(self.speaker, json.dumps({**command, "data": data}))
        if at_once:
            self.stage.loop.settle()

    def come(self, name: str) -> None:
        peer = self.present[name] = self.stage.connect(name)
        peer.reads_slowly = True
        for command in self.notes[name].commands():
            self.stage.receive(peer, json.dumps(command))

    def go(self, name: str, peer: FakePeer) -> None:
        self.listen()
        self.stage.leave(peer)
        del self.present[name]
        self.notes[name].disconnected()

    def listen(self) -> None:
        """Note what everybody has been told by now."""
        for answer in self.speaker.take():
            message = Message("speaker", answer["id"])
            if answer["type"] == "published":
                ended = Acknowledged(self.channel, message, position(answer))
                self.experiment.history.append(ended)
            else:
                self.experiment.history.append(Failed(self.channel, message))
        for name, peer in self.present.items():
            for told in peer.take():
                self.notes[name].take(told)

    def finish(self) -> None:
        """Everybody comes and is caught up; one more reads it all."""
        for name in NAMES:
            self.do("come", name)
        for name, peer in self.present.items():
            self.stage.answer(peer)
            self.do("drain", name)
        self.publish("ann", at_once=True)
        self.listen()
        self.notes["auditor"] = Notes("auditor", (self.channel,), self.experiment)
        epoch = self.notes["ann"].positions[self.channel].epoch
        self.notes["auditor"].positions[self.channel] = Position(epoch, 0)
        self.come("auditor")
        self.stage.answer(self.present["auditor"])
        self.listen()


@pytest.mark.parametrize("channel", CHANNELS)
@settings(max_examples=50)  # each is a whole trial of some 30 ms
@given(steps=STEPS, small=st.booleans())
def test_whatever_happens_in_whatever_order_no_promise_is_broken(
    channel: str, steps: list[tuple[str, str]], small: bool
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pages, "PAGE_BYTES", 600 if small else 10_000)
        trial = Trial(channel)
        for action, name in steps:
            trial.do(action, name)
        trial.finish()
    assert [str(each) for each in check(trial.experiment.history)] == []
    for name in NAMES:
        assert trial.notes[name].positions[channel].seq == trial.sent
