"""A connection on a transport that only notes, in a loop and on a clock that a test turns."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from itertools import count
from typing import Any, cast

from tests.support.rawframes import CLOSE, Frame, take_frame
from tidewire.counters import Counters
from tidewire.dialects.native import NativeDialect
from tidewire.security.rates import Rate
from tidewire.security.user import User
from tidewire.server.connection import Connection
from tidewire.server.heartbeat import HeartbeatWheel
from tidewire.server.shared import Client, ConnectionLimits, Shared
from tidewire.server.wires import PlainWire
from tidewire.session import Session, SessionLimits
from tidewire.testing.clock import FakeClock
from tidewire.tick import Tick
from tidewire.websocket.receiver import ReceiveLimits, Receiver, Role

LIMITS = ConnectionLimits(
    session=SessionLimits(publications=Rate(1000, 1000), frames=Rate(1000, 1000)),
    queue_bytes=1000,
    queue_age_s=10.0,
    unfinished_message_s=8.0,
    heartbeat_interval_s=25.0,
    heartbeat_timeout_s=10.0,
)


class FakeTransport:
    """What a connection uses of one; ``is_full`` keeps it from taking more."""

    def __init__(self) -> None:
        self.written = b""
        self.is_reading = True
        self.is_closed = False
        self.is_aborted = False
        self.has_sent_eof = False
        self.is_dead = False
        self.unsent = 0

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def write(self, data: bytes) -> None:
        if self.is_dead:
            raise RuntimeError("unable to perform operation; the handler is closed")
        self.written += data

    def take(self) -> list[Frame]:
        """The frames written since the last call, less the head."""
        buffer = bytearray(self.written.removeprefix(b"HEAD"))
        self.written = b""
        frames = []
        while (found := take_frame(buffer)) is not None:
            frames.append(found)
        return frames

    def texts(self) -> list[str]:
        return [found.payload.decode() for found in self.take()]

    def pause_reading(self) -> None:
        self.is_reading = False

    def resume_reading(self) -> None:
        self.is_reading = True

    def is_closing(self) -> bool:
        return self.is_closed or self.is_aborted

    def close(self) -> None:
        self.is_closed = True

    def abort(self) -> None:
        self.is_aborted = True

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.has_sent_eof = True

    def set_protocol(self, protocol: object) -> None:
        """Bytes are handed over by the test itself."""

    def set_write_buffer_limits(self, high: int) -> None:
        """The test says when it is full."""


def _nothing() -> None:
    """What a cancelled timer does."""


class Timer:
    def __init__(self, due: float, action: Callable[[], object]) -> None:
        self.due = due
        self.action = action
        self.is_cancelled = False

    def cancel(self) -> None:
        """As asyncio's: what it would have called is let go of."""
        self.is_cancelled = True
        self.action = _nothing


class TimerLoop:
    """Timers that fire when the test's clock is moved past them; tasks of a loop that runs."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self._timers: list[Timer] = []
        self._soon: list[Callable[[], object]] = []

    def call_later(self, delay_s: float, action: Callable[[], object]) -> Timer:
        timer = Timer(self._clock.monotonic() + delay_s, action)
        self._timers.append(timer)
        return timer

    def call_soon(self, action: Callable[[], object]) -> None:
        self._soon.append(action)

    def settle(self) -> None:
        while self._soon:
            self._soon.pop(0)()

    def pass_time(self, seconds: float) -> None:
        self._clock.advance(seconds)
        for timer in list(self._timers):
            if timer.due <= self._clock.monotonic() and timer in self._timers:
                self._timers.remove(timer)
                if not timer.is_cancelled:
                    timer.action()
        self.settle()

    def create_task(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        return asyncio.get_running_loop().create_task(work)

    def create_future(self) -> asyncio.Future[None]:
        return asyncio.get_running_loop().create_future()


class Notebook:
    """A handler that notes what it is told."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.left: list[int] = []
        self.news: list[str] = []  # of how the peer reads
        self.catches_up: Callable[[Client], None] = lambda peer: None
        self.refused_frames = 0
        self.acts: Callable[[Any, str], None] = lambda peer, text: None

    def welcome(self, peer: Client) -> None:
        """Says nothing, so that a test reads only what it caused."""

    def receive(self, peer: Client, text: str) -> None:
        self.texts.append(text)
        self.acts(peer, text)

    def receive_binary(self, peer: Client, data: bytes) -> None:
        self.texts.append(repr(data))

    def refuse_frames(self, peer: Client, wait_s: float) -> None:
        self.refused_frames += 1

    def fell_behind(self, peer: Client) -> None:
        self.news.append("fell behind")

    def caught_up(self, peer: Client) -> None:
        self.news.append("caught up")
        self.catches_up(peer)

    def leave(self, peer: Client, close_code: int, reason: str = "") -> None:
        self.left.append(close_code)


class Bench:
    """Connections, and everything around them that a test turns by hand."""

    def __init__(self, limits: ConnectionLimits = LIMITS) -> None:
        self.clock = FakeClock()
        self.loop = TimerLoop(self.clock)
        self.handler = Notebook()
        self.counters = Counters()
        self.ended: list[Client] = []
        tick = Tick(self.loop.call_soon, self.clock.monotonic)
        self.shared = Shared(
            handler=self.handler,
            limits=limits,
            clock=self.clock,
            counters=self.counters,
            tick=tick,
            wheel=HeartbeatWheel(1.0),
            loop=cast(asyncio.AbstractEventLoop, self.loop),
            ended=self.ended.append,
        )
        tick.set_phases(self.shared.flush, has_more=lambda: self.shared.has_work)
        self._ids = count(1)
        self._wire = PlainWire(NativeDialect())

    def connect(self, early: bytes = b"", expires_at: float | None = None) -> Connection:
        user = User("ann", expires_at=expires_at)
        connection = Connection(
            self.shared,
            Session(f"c{next(self._ids)}", user, self.shared.limits.session),
            self._wire,
            Receiver(Role.SERVER, ReceiveLimits()),
            None,
        )
        connection.start(cast(asyncio.Transport, FakeTransport()), b"HEAD", early)
        self.loop.settle()
        return connection

    def feed(self, connection: Connection, data: bytes) -> None:
        """``data`` arrives, and the turn ends."""
        connection.get_buffer(len(data))[: len(data)] = data
        connection.buffer_updated(len(data))
        self.loop.settle()

    def send(self, connection: Connection, text: str) -> None:
        """Something for the peer, and the turn ends."""
        connection.queue(connection.wire.text(text.encode()))
        self.loop.settle()

    def lose(self, connection: Connection) -> None:
        connection.connection_lost(None)

    def pass_heartbeats(self, seconds: int) -> None:
        for _ in range(seconds):
            self.loop.pass_time(1.0)
            self.shared.turn_wheel(1.0)
            self.loop.settle()


def transport_of(connection: Connection) -> FakeTransport:
    return cast(FakeTransport, connection._transport)


def close_of(frames: list[Frame]) -> tuple[int, str]:
    """Code and reason of the last frame, which is a Close."""
    assert frames[-1].opcode == CLOSE
    return int.from_bytes(frames[-1].payload[:2]), frames[-1].payload[2:].decode()
