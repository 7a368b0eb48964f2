"""Wire: one WebSocket connection to a server: messages out, messages in, and its end noticed.

The shell around ``websocket``: it opens the socket, shakes hands, answers pings, and
asks for a sign of life where nothing comes. Knows neither channels nor reconnecting.
"""

from __future__ import annotations

import asyncio
import secrets
from contextlib import suppress
from ssl import SSLContext, create_default_context
from typing import Any
from urllib.parse import SplitResult, urlsplit

import msgspec
from msgspec import Struct

from tidewire.client.errors import ConnectionLost
from tidewire.client.reading import Format
from tidewire.errors import ProtocolViolated
from tidewire.websocket.client_handshake import (
    HEAD_END,
    MAX_RESPONSE_HEAD_BYTES,
    Request,
    check_response,
    key_from,
    read_response,
    request_head,
)
from tidewire.websocket.events import Close, Event, Ping
from tidewire.websocket.frames import Opcode, close_payload, masked_frame
from tidewire.websocket.receiver import ReceiveLimits, Receiver, Role

SUBPROTOCOLS: dict[Format, str] = {"json": "tidewire.v1", "msgpack": "tidewire.v1.msgpack"}

LIMITS = ReceiveLimits(max_message_bytes=16 * 1024 * 1024, max_fragments=4096)
"""Pages of the past are the largest that come, a quarter of a megabyte each as JSON; a server gone
mad is stopped here."""

READ_BYTES = 64 * 1024

OPEN_TIMEOUT_S = 20.0
"""For the name, the socket, TLS and the handshake together."""

PATIENCE_S = 10.0
"""After a ping of ours: whoever says nothing for so long is gone."""

CONGESTED_BYTES = 64 * 1024
"""As much as waits in asyncio before it would have a writer wait."""

GOODBYE_S = 2.0
"""For the server's Close after ours; then the socket is dropped."""


class Address(Struct, frozen=True):
    """Where to, and how. Raises ``ValueError`` for a URL that is no WebSocket's."""

    url: str
    format: Format = "json"
    headers: tuple[tuple[str, str], ...] = ()
    tls: SSLContext | None = None

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("ws", "wss") or not parts.hostname:
            raise ValueError(f"a WebSocket's URL starts with ws:// or wss://, not {self.url!r}")


async def open_wire(address: Address, *, token: str | None, grant: str | None) -> Wire:
    """Raises ``HandshakeRefused``, ``OSError``, ``TimeoutError``, ``ConnectionLost``."""
    parts = urlsplit(address.url)
    request = _request(address, parts, token, grant)
    async with asyncio.timeout(OPEN_TIMEOUT_S):
        reader, writer = await open_stream(parts, address.tls)
        try:
            await _shake_hands(reader, writer, request)
        except BaseException:
            await drop(writer)
            raise
    return Wire(reader, writer, address.format)


def _request(address: Address, parts: SplitResult, token: str | None, grant: str | None) -> Request:
    bearer = () if token is None else (("Authorization", f"Bearer {token}"),)
    resume = () if grant is None else (f"resume.{grant}",)
    return Request(
        host=parts.netloc.rpartition("@")[2],
        target=(parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
        key=key_from(secrets.token_bytes(16)),
        subprotocols=(SUBPROTOCOLS[address.format], *resume),
        headers=(*bearer, *address.headers),
    )


async def open_stream(
    parts: SplitResult, tls: SSLContext | None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection on which nothing has been said. Raises ``OSError``."""
    is_secure = parts.scheme == "wss"
    return await asyncio.open_connection(
        parts.hostname,
        parts.port or (443 if is_secure else 80),
        ssl=(tls or create_default_context()) if is_secure else None,
        limit=MAX_RESPONSE_HEAD_BYTES,
    )


async def _shake_hands(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: Request
) -> None:
    writer.write(request_head(request))
    try:
        head = await reader.readuntil(HEAD_END)
        check_response(read_response(head), request)
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
        raise ConnectionLost(None, "the handshake was not answered") from error
    except ProtocolViolated as error:
        raise ConnectionLost(None, str(error)) from error


class Wire:
    """One open connection. One task receives; whoever writes does so without waiting."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, format_name: Format
    ) -> None:
        self.heartbeat_s = OPEN_TIMEOUT_S
        """Of silence after which a sign of life is asked for."""

        self._reader = reader
        self._writer = writer
        self._receiver = Receiver(Role.CLIENT, LIMITS)
        self._opcode = Opcode.BINARY if format_name == "msgpack" else Opcode.TEXT
        self._encode = getattr(msgspec, format_name).encode

    def write(self, command: dict[str, Any]) -> None:
        """Send a command; nothing happens where the connection has ended."""
        self._frame(self._opcode, self._encode(command))

    @property
    def is_congested(self) -> bool:
        """Whether what was written does not leave: no time for what may be lost."""
        return self._writer.transport.get_write_buffer_size() > CONGESTED_BYTES

    def _frame(self, opcode: Opcode, payload: bytes) -> None:
        if not self._writer.is_closing():
            self._writer.write(masked_frame(opcode, payload, secrets.token_bytes(4)))

    async def receive(self) -> str | bytes:
        """The next message. Raises ``ConnectionLost``. Cancelled, it loses nothing."""
        while True:
            event = self._next()
            if event is None:
                self._receiver.settle()
                self._receiver.feed(await self._read())
            elif isinstance(event, str | bytes):
                return event
            elif isinstance(event, Ping):
                self._frame(Opcode.PONG, event.payload)
            elif isinstance(event, Close):
                self._frame(Opcode.CLOSE, close_payload(event.code or 1000))
                raise ConnectionLost(event.code, event.reason)

    def _next(self) -> Event | None:
        try:
            return self._receiver.next()
        except ProtocolViolated as error:
            self._frame(Opcode.CLOSE, close_payload(error.close_code))
            raise ConnectionLost(None, f"the server broke a rule: {error}") from error

    async def _read(self) -> bytes:
        """Some bytes; in silence it asks for a sign of life, once."""
        try:
            try:
                async with asyncio.timeout(self.heartbeat_s):
                    data = await self._reader.read(READ_BYTES)
            except TimeoutError:
                self.write({"type": "ping"})
                async with asyncio.timeout(PATIENCE_S):
                    data = await self._reader.read(READ_BYTES)
        except TimeoutError:
            raise ConnectionLost(None, "the server has fallen silent") from None
        except OSError as error:
            raise ConnectionLost(None, str(error)) from error
        if not data:
            raise ConnectionLost(None, "the connection was cut")
        return data

    async def close(self) -> None:
        """Say goodbye, wait a moment for the answer, and drop the socket."""
        self._frame(Opcode.CLOSE, close_payload(1000))
        try:
            with suppress(ConnectionLost, TimeoutError):
                async with asyncio.timeout(GOODBYE_S):
                    while True:
                        await self.receive()
        finally:
            await self.drop()

    async def drop(self) -> None:
        """Drop the socket at once. Harmless when it is gone already."""
        await drop(self._writer)


async def drop(writer: asyncio.StreamWriter) -> None:
    """Drop the connection, and wait until nothing of it is left in the loop."""
    writer.transport.abort()
    with suppress(OSError):
        await writer.wait_closed()
