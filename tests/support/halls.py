"""A hub with one room and members that listen, in a loop that turns when it is told to."""

from __future__ import annotations

from tests.support.loops import FakeLoop
from tests.support.peers import LineWire
from tests.support.publications import entry
from tidewire.counters import Counters
from tidewire.hub import Hub
from tidewire.messages import Occupancy, Position
from tidewire.testing.clock import FakeClock
from tidewire.tick import Tick

START = Position("first", 0)


class Listener:
    """A member that keeps the blocks it is handed."""

    def __init__(self, wire: LineWire) -> None:
        self.wire = wire
        self.is_behind = False
        self.blocks: list[list[int | str]] = []

    def deliver(self, data: bytes) -> None:
        self.blocks.append([_name(line) for line in data.splitlines()])

    @property
    def heard(self) -> list[int | str]:
        return [name for block in self.blocks for name in block]


def _name(line: bytes) -> int | str:
    """A publication's ``seq``; an event's type."""
    for part in line.split(b","):
        if part.startswith(b'"seq":'):
            return int(part[6:])
    return line.split(b'"')[3].decode()


class Hall:
    """A hub with one room, and a loop that turns when it is told to."""

    def __init__(self) -> None:
        clock = FakeClock()
        self.loop = FakeLoop(clock)
        self.counters = Counters()
        tick = Tick(self.loop.call_soon, clock.monotonic)
        self.members: dict[str, Listener] = {}  # by client id, where a test gives one
        self.hub = Hub(self.loop.call_soon, tick.request, self.counters, self.members.get)
        tick.set_phases(self.hub.flush, has_more=lambda: self.hub.has_work)
        self.room = self.hub.open("room", START)
        self.wire = LineWire()

    def join(self, wire: LineWire | None = None) -> Listener:
        listener = Listener(wire or self.wire)
        self.hub.join(self.room, listener)
        return listener

    def publish(self, count: int = 1) -> None:
        first = self.room.position.seq + 1
        self.hub.publish(self.room, [entry(seq) for seq in range(first, first + count)])

    def announce(self) -> None:
        self.hub.announce(self.room, Occupancy(channel="room", user_count=1))
