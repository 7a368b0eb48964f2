"""A crowd of WebSockets in one Python process: for loads in which each client has its own words.

Slower than the generators in C, which does not matter where the server's CPU is
what is measured. Frames are read by Tidewire's own receiver, in the client's role.
"""

from __future__ import annotations

import asyncio
import json
import resource
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, TypeVar

from tidewire.websocket.receiver import Close, ReceiveLimits, Receiver, Role

T = TypeVar("T")

UNFINISHED_HANDSHAKES = 16
"""Below the 20 per address that Tidewire allows, which stay in force."""

MAX_MESSAGE_BYTES = 64 * 1024 * 1024
MEDIUM, LONG = 126, 127

REQUEST = (
    "GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


class Client(asyncio.Protocol):
    """One WebSocket. ``on_text`` is handed every message."""

    def __init__(self, on_text: Callable[[str], None]) -> None:
        self.on_text = on_text
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._receiver = Receiver(Role.CLIENT, ReceiveLimits(MAX_MESSAGE_BYTES, 1), None)
        self._head = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if not self.opened.done():
            self._head += data
            head, end, data = self._head.partition(b"\r\n\r\n")
            if not end:
                return
            self._answered(head)
        self._receiver.feed(data)
        while (event := self._receiver.next()) is not None:
            if isinstance(event, str):
                self.on_text(event)
            elif isinstance(event, Close):
                raise ConnectionError(f"closed by the server: {event}")
        self._receiver.settle()

    def _answered(self, head: bytes) -> None:
        if b" 101 " in head:
            self.opened.set_result(None)
        else:
            self.opened.set_exception(ConnectionError(f"no upgrade: {head[:200]!r}"))

    def connection_lost(self, error: Exception | None) -> None:
        if not self.opened.done():
            self.opened.set_exception(error or ConnectionError("lost during the handshake"))

    def ask(self, request: str) -> None:
        self._transport.write(request.encode())

    def send(self, *texts: str) -> None:
        self._transport.write(b"".join(map(text_frame, texts)))

    def abort(self) -> None:
        self._transport.abort()


def text_frame(text: str) -> bytes:
    """A masked frame whose mask is zero, so that the payload is as it is."""
    payload = text.encode()
    size = len(payload)
    if size < MEDIUM:
        return bytes((0x81, 0x80 | size, 0, 0, 0, 0)) + payload
    width, mark = (2, MEDIUM) if size < 2**16 else (8, LONG)
    return bytes((0x81, 0x80 | mark)) + size.to_bytes(width, "big") + bytes(4) + payload


async def connect(
    host: str, port: int, path: str, on_text: Callable[[str], None] = lambda _: None
) -> Client:
    """An open WebSocket. Raises ``ConnectionError``."""
    loop = asyncio.get_running_loop()
    _, client = await loop.create_connection(lambda: Client(on_text), host, port)
    client.ask(REQUEST.format(host=host, port=port, path=path))
    await client.opened
    return client


async def a_few_at_a_time(work: Iterable[Callable[[], Awaitable[T]]]) -> Sequence[T]:
    """All of ``work``, with no more handshakes unfinished at a time than a server allows."""
    places = asyncio.Semaphore(UNFINISHED_HANDSHAKES)

    async def one(step: Callable[[], Awaitable[T]]) -> T:
        async with places:
            return await step()

    return await asyncio.gather(*map(one, work))


class Stage:
    """What the process that measures us is told, and what it says."""

    def say(self, line: str | dict[str, Any]) -> None:
        print(line if isinstance(line, str) else json.dumps(line), flush=True)

    async def heard(self) -> None:
        """Wait for its next line."""
        await asyncio.to_thread(input)


def raise_file_limit() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
