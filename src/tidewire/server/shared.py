"""What all connections of a process have in common: limits, one read buffer, one tick's queue.

Holds no rule of a single connection; knows which there are, so that they can be
flushed, given their heartbeats and let go together.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from msgspec import Struct

from tidewire.clock import Clock
from tidewire.counters import Counters
from tidewire.node.peer import Peer
from tidewire.server.heartbeat import HeartbeatWheel
from tidewire.session import SessionLimits
from tidewire.tick import Tick

READ_BUFFER_BYTES = 64 * 1024
"""One buffer for the process. uvloop reads a socket up to 32 times in a row while it fills this, so
one peer can hold the loop for 2 MiB: while one sent 24 MiB in large messages, others waited 12 ms
for their pong. With 256 KiB that was 40 ms, at a seventh less CPU; with 32 KiB 9 ms, at a quarter
more."""


class ConnectionLimits(Struct, frozen=True):
    """What one connection may cost; the numbers' reasons are in ``config.settings``."""

    session: SessionLimits
    queue_bytes: int = 1024 * 1024
    queue_age_s: float = 10.0
    unfinished_message_s: float = 10.0
    heartbeat_interval_s: float = 25.0
    heartbeat_timeout_s: float = 10.0


class Client(Peer, Protocol):
    """A connection of any kind, as the process sees it: a WebSocket, a stream."""

    slot: int

    @property
    def opened_at(self) -> float: ...

    @property
    def close_code(self) -> int: ...

    @property
    def close_reason(self) -> str: ...

    def beat(self) -> float | None: ...

    def abort(self) -> None:
        """Drop the connection at once, without a word."""


class Flushing(Protocol):
    """Whoever collects what it sends until the tick's end."""

    def flush(self) -> None: ...


class Handler(Protocol):
    """Who acts on messages: the node, or the echo of the conformance tests."""

    def welcome(self, peer: Client) -> None: ...

    def receive(self, peer: Client, text: str) -> None: ...

    def receive_binary(self, peer: Client, data: bytes) -> None: ...

    def refuse_frames(self, peer: Client, wait_s: float) -> None: ...

    def fell_behind(self, peer: Client) -> None:
        """Its transport is full: what its channels can do without need not be delivered now."""

    def caught_up(self, peer: Client) -> None:
        """Its transport takes more. Also said of one that has never been behind."""

    def leave(self, peer: Client, close_code: int, reason: str = "") -> None: ...


class Shared:
    """What all connections of a process have in common."""

    def __init__(
        self,
        *,
        handler: Handler,
        limits: ConnectionLimits,
        clock: Clock,
        counters: Counters,
        tick: Tick,
        wheel: HeartbeatWheel,
        loop: asyncio.AbstractEventLoop,
        ended: Callable[[Client], None],
    ) -> None:
        self.handler = handler
        self.limits = limits
        self.clock = clock
        self.counters = counters
        self.tick = tick
        self.wheel = wheel
        self.loop = loop
        self.ended = ended
        self.read_buffer = memoryview(bytearray(READ_BUFFER_BYTES))
        self.connections: set[Client] = set()  # those that take part
        self.closing: set[Client] = set()  # those that wait for the peer's Close
        self._is_empty: asyncio.Event | None = None
        self._queued: list[Flushing] = []

    def queue(self, connection: Flushing) -> None:
        """``connection`` has something to send at the tick's end."""
        self._queued.append(connection)
        if not self.tick.is_requested:
            self.tick.request()

    @property
    def has_work(self) -> bool:
        return bool(self._queued)

    def flush(self) -> None:
        """A phase of the tick: one write for each connection that has something to send."""
        queued, self._queued = self._queued, []
        for connection in queued:
            connection.flush()

    def took_leave(self, connection: Client) -> None:
        self.connections.discard(connection)
        self.closing.add(connection)

    def lost(self, connection: Client) -> None:
        """Its transport is gone: nothing of it is left here."""
        self.connections.discard(connection)
        self.closing.discard(connection)
        self.ended(connection)
        if self._is_empty is not None and not self.connections and not self.closing:
            self._is_empty.set()

    async def all_gone(self) -> None:
        """Wait until no connection has a transport any more."""
        if self.connections or self.closing:
            self._is_empty = asyncio.Event()
            await self._is_empty.wait()

    def abort_all(self) -> int:
        """Cut whatever is left; answers how many that were."""
        left = [*self.connections, *self.closing]
        for connection in left:
            connection.abort()
        return len(left)

    def turn_wheel(self, elapsed_s: float) -> None:
        """Give every connection whose time has come its heartbeat."""
        for connection in self.wheel.turn(elapsed_s):
            delay_s = connection.beat()
            if delay_s is not None:
                self.wheel.add(connection, delay_s)
