"""A hub with one room and members that listen, in a loop that turns when it is told to."""

from __future__ import annotations

import json
from typing import Any

from msgspec import Raw

from tests.support.loops import FakeLoop
from tests.support.peers import LineWire
from tests.support.publications import entry
from tidewire.channels.options import SlowReader
from tidewire.counters import Counters
from tidewire.hub import Hub
from tidewire.messages import Occupancy, Position, Signalled
from tidewire.testing.clock import FakeClock
from tidewire.tick import Tick

START = Position("first", 0)


class Listener:
    """A member that keeps the blocks it is handed, and may be full after some of them."""

    def __init__(self, wire: LineWire, hub: Hub | None = None) -> None:
        self.wire = wire
        self.is_behind = False
        self.blocks: list[list[int | str]] = []
        self.values: dict[str, int] = {}  # the latest entry it was told of each key
        self._hub = hub
        self._takes = -1  # blocks until it is full; without end

    def deliver(self, data: bytes) -> None:
        messages = [json.loads(line) for line in data.splitlines()]
        self.blocks.append([_name(message) for message in messages])
        self.values.update((each["key"], each["seq"]) for each in messages if "key" in each)
        self._takes -= 1
        if self._takes == 0:
            self.fill()

    def fill(self) -> None:
        """Its transport is full."""
        assert self._hub is not None
        self.is_behind = True
        self._hub.fall_behind(self, ["room"])

    def drain(self, takes: int = -1) -> None:
        """Its transport takes more, for so many blocks."""
        assert self._hub is not None
        self.is_behind = False
        self._takes = takes
        self._hub.catch_up(self)

    @property
    def heard(self) -> list[int | str]:
        return [name for block in self.blocks for name in block]


def _name(message: dict[str, Any]) -> int | str:
    """A publication's ``seq``; what is skipped and why; an event's type."""
    if message["type"] == "skipped":
        return f"{message['reason']} {message['from']}-{message['to']}"
    name: int | str = message.get("seq", message["type"])
    return name


class Hall:
    """A hub with one room, and a loop that turns when it is told to."""

    def __init__(self, slow_reader: SlowReader = "disconnect") -> None:
        clock = FakeClock()
        self.loop = FakeLoop(clock)
        self.counters = Counters()
        tick = Tick(self.loop.call_soon, clock.monotonic)
        self.members: dict[str, Listener] = {}  # by client id, where a test gives one
        self.hub = Hub(self.loop.call_soon, tick.request, self.counters, self.members.get)
        tick.set_phases(self.hub.flush, has_more=lambda: self.hub.has_work)
        self.room = self.hub.open("room", START, slow_reader)
        self.wire = LineWire()

    def listener(self, wire: LineWire | None = None, client_id: str = "") -> Listener:
        """Who has not joined yet."""
        listener = Listener(wire or self.wire, self.hub)
        if client_id:
            self.members[client_id] = listener
        return listener

    def join(self, wire: LineWire | None = None, client_id: str = "") -> Listener:
        listener = self.listener(wire, client_id)
        self.hub.join(self.room, listener)
        return listener

    def publish(self, count: int = 1, **fields: Any) -> None:
        first = self.room.position.seq + 1
        self.hub.publish(self.room, [entry(seq, **fields) for seq in range(first, first + count)])

    def say(self, count: int = 1, **fields: Any) -> None:
        """Publish, in a tick of its own."""
        self.publish(count, **fields)
        self.loop.settle()

    def announce(self) -> None:
        self.hub.announce(self.room, Occupancy(channel="room", user_count=1))

    def signal(self, client_id: str, name: str = "typing") -> None:
        event = Signalled(
            channel="room", name=name, sender="ann", client_id=client_id, data=Raw(b"1")
        )
        self.hub.signal(self.room, (client_id, name), event)
