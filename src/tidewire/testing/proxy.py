"""A TCP proxy that fails on command, to show what a system does when the network fails.

Sits between a client and a server on loopback. Knows bytes and sockets only:
no HTTP, no WebSocket. It forwards, and each of its two lanes can be told to
delay, throttle, swallow or drop what passes; every fault is counted, so that
a test can assert that the fault it relies on really happened.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from types import TracebackType
from typing import Literal, TypeAlias

Direction: TypeAlias = Literal["up", "down", "both"]
"""``up`` is from the client to the server, ``down`` from the server to the client."""

CHUNK_BYTES = 65_536
"""Read at once per lane: one usual socket buffer, so that a fast peer is not slowed down."""

IN_FLIGHT_CHUNKS = 16
"""Chunks held per lane before the proxy stops reading: bounds memory, and lets a throttled
sender feel the throttle after about 1 MiB."""

THROTTLE_SLICES_PER_S = 20
"""How finely a throttled lane trickles: often enough to look steady, rarely enough to be cheap."""

RESET_ON_CLOSE = struct.pack("ii", 1, 0)
"""``SO_LINGER`` on, with no time to linger: closing such a socket sends RST instead of FIN."""


class Lane:
    """One direction through the proxy: the fault in force, and a count of what it did."""

    def __init__(self) -> None:
        self.forwarded_bytes = 0
        self.swallowed_bytes = 0
        self.dropped_bytes = 0
        self.delayed_chunks = 0
        self.throttled_bytes = 0
        self.half_closed = 0
        self.delay_s = 0.0
        self.bytes_per_s: float | None = None
        self.to_drop = 0
        self._flowing = asyncio.Event()
        self._flowing.set()

    @property
    def is_black_hole(self) -> bool:
        return not self._flowing.is_set()

    def pass_through(self) -> None:
        self.delay_s = 0.0
        self.bytes_per_s = None
        self.to_drop = 0
        self._flowing.set()

    def black_hole(self) -> None:
        self._flowing.clear()

    async def until_flowing(self) -> None:
        await self._flowing.wait()

    def take(self, data: bytes) -> bytes:
        """What of ``data`` survives the faults that lose bytes."""
        if self.is_black_hole:
            self.swallowed_bytes += len(data)
            return b""
        lost = min(self.to_drop, len(data))
        self.to_drop -= lost
        self.dropped_bytes += lost
        return data[lost:]

    def next_slice(self, data: bytes) -> tuple[bytes, float]:
        """The bytes to write now, and the seconds to wait after them."""
        if self.bytes_per_s is None:
            return data, 0.0
        part = data[: max(1, int(self.bytes_per_s / THROTTLE_SLICES_PER_S))]
        self.throttled_bytes += len(part)
        return part, len(part) / self.bytes_per_s


class FaultProxy:
    """A listening proxy in front of one server. Use it as an asynchronous context manager.

    Faults may be switched at any moment and hold for open and later
    connections alike, until ``pass_through``. Leaving the context resets every
    connection, closes the listener and waits for each task that was started.
    """

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self.accepting = True
        """While false, a new connection is reset as soon as it opens."""
        self.accepted = 0
        self.refused = 0
        self.connections_cut = 0
        self.up = Lane()
        self.down = Lane()
        self._target = (host, port)
        self._links: dict[_Link, asyncio.Task[None]] = {}
        self._listener: asyncio.Server | None = None

    async def __aenter__(self) -> FaultProxy:
        self._listener = await asyncio.start_server(self._on_connection, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        listener = self._require_listener()
        listener.close()
        tasks = list(self._links.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await listener.wait_closed()

    @property
    def port(self) -> int:
        port: int = self._require_listener().sockets[0].getsockname()[1]
        return port

    @property
    def open_connections(self) -> int:
        return len(self._links)

    def pass_through(self, direction: Direction = "both") -> None:
        """End every fault that lasts. Bytes already delayed keep their delay."""
        for lane in self._lanes(direction):
            lane.pass_through()

    def delay(self, seconds: float, direction: Direction = "both") -> None:
        """Deliver everything that arrives from now on ``seconds`` later, in order."""
        for lane in self._lanes(direction):
            lane.delay_s = seconds

    def throttle(self, bytes_per_s: float, direction: Direction = "both") -> None:
        """Let at most ``bytes_per_s`` through, per connection; the sender feels it."""
        for lane in self._lanes(direction):
            lane.bytes_per_s = bytes_per_s

    def black_hole(self, direction: Direction = "both") -> None:
        """Accept bytes and forward none, nor a close: the peer has vanished without a word."""
        for lane in self._lanes(direction):
            lane.black_hole()

    def drop_next(self, count: int, direction: Direction) -> None:
        """Lose the next ``count`` bytes and forward what follows: a corrupt stream."""
        for lane in self._lanes(direction):
            lane.to_drop += count

    def half_close(self, direction: Direction) -> None:
        """Send FIN along ``direction`` on every connection; the other way stays open."""
        for link in self._links:
            link.half_close(direction)

    def cut(self) -> None:
        """Reset every connection (RST) on both sides."""
        self.connections_cut += len(self._links)
        for link, task in self._links.items():
            link.reset()
            task.cancel()

    def _require_listener(self) -> asyncio.Server:
        if self._listener is None:
            raise RuntimeError("the proxy listens only inside its 'async with' block")
        return self._listener

    def _lanes(self, direction: Direction) -> Iterator[Lane]:
        if direction != "down":
            yield self.up
        if direction != "up":
            yield self.down

    def _on_connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = _End(reader, writer)
        if not self.accepting:
            self.refused += 1
            client.reset()
            return
        self.accepted += 1
        link = _Link(client, self.up, self.down)
        task = asyncio.create_task(link.run(self._target))
        self._links[link] = task
        task.add_done_callback(lambda _: self._links.pop(link))


class _End:
    """One of the two sockets of a link."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.is_finished = False

    def reset(self) -> None:
        sock: socket.socket | None = self.writer.get_extra_info("socket")
        if sock is not None:
            with suppress(OSError):  # closed already
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        self.writer.transport.abort()

    def finish(self) -> None:
        """Send FIN; what the other side still sends is read on."""
        self.is_finished = True
        if not self.writer.is_closing():
            with suppress(OSError):
                self.writer.write_eof()

    async def until_closed(self) -> None:
        with suppress(OSError):
            await self.writer.wait_closed()


class _Link:
    """One client's connection, and ours to the server on its behalf."""

    def __init__(self, client: _End, up: Lane, down: Lane) -> None:
        self._ends = [client]
        self._up = up
        self._down = down

    async def run(self, target: tuple[str, int]) -> None:
        """Carry bytes both ways until both have ended, or until either end resets."""
        try:
            await self._carry(target)
            await self._close()
        except* OSError:
            pass  # refused or reset by one end: the other is about to see a reset too
        finally:
            self.reset()
            await asyncio.gather(*(end.until_closed() for end in self._ends))

    async def _carry(self, target: tuple[str, int]) -> None:
        self._ends.append(_End(*await asyncio.open_connection(*target)))
        client, server = self._ends
        async with asyncio.TaskGroup() as group:
            _Pipe(client, server, self._up).start(group)
            _Pipe(server, client, self._down).start(group)

    async def _close(self) -> None:
        """FIN has gone both ways; what the kernel still holds must not be lost to a reset."""
        for end in self._ends:
            end.writer.close()
        for end in self._ends:
            await end.until_closed()

    def half_close(self, direction: Direction) -> None:
        if direction != "down" and len(self._ends) == 2:
            self._up.half_closed += 1
            self._ends[1].finish()
        if direction != "up":
            self._down.half_closed += 1
            self._ends[0].finish()

    def reset(self) -> None:
        for end in self._ends:
            end.reset()


class _Pipe:
    """Carries one lane of one link: what is read is stamped, and delivered when due."""

    def __init__(self, source: _End, sink: _End, lane: Lane) -> None:
        self._source = source.reader
        self._sink = sink
        self._lane = lane
        self._in_flight: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(IN_FLIGHT_CHUNKS)

    def start(self, group: asyncio.TaskGroup) -> None:
        group.create_task(self._collect())
        group.create_task(self._deliver())

    async def _collect(self) -> None:
        while data := await self._read():
            await self._in_flight.put((self._due(), data))
        await self._in_flight.put((self._due(), b""))

    async def _read(self) -> bytes:
        try:
            return await self._source.read(CHUNK_BYTES)
        except ConnectionError:
            await self._lane.until_flowing()  # a vanished peer sends no reset either
            raise

    def _due(self) -> float:
        if self._lane.delay_s:
            self._lane.delayed_chunks += 1
        return asyncio.get_running_loop().time() + self._lane.delay_s

    async def _deliver(self) -> None:
        while True:
            due, data = await self._in_flight.get()
            await asyncio.sleep(due - asyncio.get_running_loop().time())
            if not data:
                break
            await self._write(self._lane.take(data))
        await self._lane.until_flowing()  # a vanished peer sends no FIN
        self._sink.finish()

    async def _write(self, data: bytes) -> None:
        """Write at the pace in force, which may change between two slices.

        What comes after the proxy itself has half-closed this way has nowhere to go.
        """
        while data and not self._sink.is_finished:
            part, pause_s = self._lane.next_slice(data)
            self._sink.writer.write(part)
            await self._sink.writer.drain()
            self._lane.forwarded_bytes += len(part)
            data = data[len(part) :]
            await asyncio.sleep(pause_s)
