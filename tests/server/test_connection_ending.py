"""What leaves, and in which order, when a connection with bytes waiting comes to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tests.support.asynchronous import run
from tidewire.counters import Counters
from tidewire.dialects.native import NativeDialect
from tidewire.security.rates import Rate
from tidewire.security.user import User
from tidewire.server.connection import Connection
from tidewire.server.heartbeat import HeartbeatWheel
from tidewire.server.shared import ConnectionLimits, Shared
from tidewire.server.wires import PlainWire
from tidewire.session import Session, SessionLimits
from tidewire.testing.clock import FakeClock
from tidewire.testing.echo import Echo
from tidewire.tick import Tick
from tidewire.websocket import close_codes
from tidewire.websocket.frames import close_frame
from tidewire.websocket.receiver import ReceiveLimits, Receiver, Role

SOME = Rate(100, 100)


class FakeTransport(asyncio.Transport):
    """Takes everything, and keeps it."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Full is when a test says so."""

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """There is one."""

    def pause_reading(self) -> None:
        """Nothing comes."""

    def resume_reading(self) -> None:
        """Nothing comes."""


def _open(queue_age_s: float = 3600) -> tuple[Connection, FakeTransport]:
    """A connection whose ticks never end, so that what is queued stays queued."""
    clock = FakeClock()
    limits = SessionLimits(publications=SOME, frames=SOME)
    shared = Shared(
        handler=Echo(),
        limits=ConnectionLimits(session=limits, queue_age_s=queue_age_s),
        clock=clock,
        counters=Counters(),
        tick=Tick(_never, clock.monotonic),
        wheel=HeartbeatWheel(1),
        loop=asyncio.get_running_loop(),
        ended=lambda connection: None,
    )
    connection = Connection(
        shared,
        Session("c", User("ada"), limits),
        PlainWire(NativeDialect()),
        Receiver(Role.SERVER, ReceiveLimits()),
        None,
    )
    transport = FakeTransport()
    connection.start(transport, b"", b"")
    return connection, transport


def _never(callback: Callable[[], None]) -> None:
    """A loop that does not come to its callbacks."""


def test_what_waits_longest_leaves_first_when_a_connection_is_closed() -> None:
    """Otherwise a slow reader that is drained would see 2 before 1."""

    async def scene() -> None:
        connection, transport = _open()
        connection.pause_writing()
        connection.deliver(b"<1>")
        connection.queue(b"<2>")
        connection.close(close_codes.DRAINING)
        assert transport.written == b"<1><2>" + close_frame(1012, close_codes.DRAINING.reason)

    run(scene())


def test_a_reader_cut_for_slowness_sees_nothing_beyond_the_hole() -> None:
    """What it is not sent is a tail: it recovers from the last entry it has seen."""

    async def scene() -> None:
        connection, transport = _open(queue_age_s=0)
        connection.pause_writing()
        connection.deliver(b"<lost>")
        connection.queue(b"<beyond>")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert transport.written == close_frame(4008, close_codes.SLOW_READER.reason)

    run(scene())
