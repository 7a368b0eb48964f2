"""A small WebSocket client for tests: messages out, messages in, as plain objects.

    async with await connect("ws://127.0.0.1:8000/ws") as client:
        answer = await client.request({"type": "subscribe", "channel": "lobby"})
        message = await client.expect("chat", text="hello")

It says and hides nothing: no reconnecting, no recovery, no waiting for longer or
shorter than it is told (``timeout_s``; without one it waits for ever). Not for
production, where a lost connection has to be dealt with.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Iterable
from itertools import count
from ssl import SSLContext
from types import TracebackType
from typing import Any, Literal, TypeAlias
from urllib.parse import urlsplit

import msgspec

from tidewire.client.wire import drop, open_stream
from tidewire.errors import TidewireError
from tidewire.websocket.client_handshake import (
    HEAD_END,
    Opened,
    Request,
    check_response,
    key_from,
    read_response,
    request_head,
)
from tidewire.websocket.deflate import Inflater
from tidewire.websocket.events import Close, Event, Ping
from tidewire.websocket.frames import Opcode, close_payload, masked_frame
from tidewire.websocket.receiver import ReceiveLimits, Receiver, Role

Message: TypeAlias = dict[str, Any]

DialectName: TypeAlias = Literal["json", "msgpack"]

SUBPROTOCOLS: dict[DialectName, str] = {"json": "tidewire.v1", "msgpack": "tidewire.v1.msgpack"}

LIMITS = ReceiveLimits(max_message_bytes=16 * 1024 * 1024, max_fragments=4096)
"""A test looks at what a server sends; only a server gone mad should be stopped by this."""

READ_BYTES = 64 * 1024

ABNORMAL = 1006
NO_CODE = 1005


class Disconnected(TidewireError):
    """The connection has ended; ``code`` is 1006 where no Close frame came."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"disconnected: {code} {reason}".rstrip())
        self.code = code
        self.reason = reason


async def connect(
    url: str,
    *,
    token: str | None = None,
    headers: Iterable[tuple[str, str]] = (),
    dialect: DialectName = "json",
    compression: bool = False,
    tls: SSLContext | None = None,
    timeout_s: float | None = None,
    silence_s: float | None = None,
) -> Client:
    """Open a WebSocket at ``url`` (``ws://`` or ``wss://``); nothing has been received yet.

    ``token`` goes into the Authorization header. Who waits for a message takes the connection
    for lost once nothing at all, not even a ping, came for ``silence_s``.

    Raises ``HandshakeRefused`` with the status of a refusal, ``OSError`` where nobody
    listens, ``TimeoutError``.
    """
    parts = urlsplit(url)
    bearer = () if token is None else (("Authorization", f"Bearer {token}"),)
    request = Request(
        host=parts.netloc,
        target=(parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
        key=key_from(secrets.token_bytes(16)),
        subprotocols=(SUBPROTOCOLS[dialect],),
        compression=compression,
        headers=(*bearer, *headers),
    )
    async with asyncio.timeout(timeout_s):
        reader, writer = await open_stream(parts, tls)
        try:
            opened = await _shake_hands(reader, writer, request)
        except BaseException:
            await drop(writer)
            raise
    return Client(reader, writer, opened, is_binary=dialect == "msgpack", silence_s=silence_s)


async def _shake_hands(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: Request
) -> Opened:
    writer.write(request_head(request))
    try:
        head = await reader.readuntil(HEAD_END)
    except (asyncio.IncompleteReadError, ConnectionError):
        raise Disconnected(ABNORMAL, "before the handshake was answered") from None
    return check_response(read_response(head), request)


class Client:
    """One open WebSocket. One task receives at a time; any may send.

    Leaving an ``async with`` block closes it.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        opened: Opened,
        *,
        is_binary: bool,
        silence_s: float | None = None,
    ) -> None:
        self.subprotocol = opened.subprotocol
        self.is_compressed = opened.compression is not None
        self._reader = reader
        self._writer = writer
        self._is_binary = is_binary
        self._silence_s = silence_s
        inflater = None if opened.compression is None else Inflater()
        self._receiver = Receiver(Role.CLIENT, LIMITS, inflater)
        self._kept: deque[Message] = deque()  # came while ``request`` waited for its answer
        self._ids = count(1)
        self._ended: Disconnected | None = None

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            await self.close()
        else:
            await self.abort()

    # -- out -----------------------------------------------------------------------------------

    async def send(self, *messages: Message) -> None:
        """Send each message in a frame of its own, all in one write."""
        self._write(b"".join(map(self._frame, messages)))
        try:
            await self._writer.drain()
        except ConnectionError as error:
            raise Disconnected(ABNORMAL, str(error)) from error

    async def send_raw(self, data: str | bytes) -> None:
        """Send one message as it is: text or binary, well-formed or not."""
        opcode = Opcode.TEXT if isinstance(data, str) else Opcode.BINARY
        payload = data.encode() if isinstance(data, str) else data
        self._write(masked_frame(opcode, payload, secrets.token_bytes(4)))
        await self._writer.drain()

    async def request(self, command: Message, *, timeout_s: float | None = None) -> Message:
        """Send ``command`` with an ``id`` of its own; answers what carries that ``id``.

        Whatever comes before is kept, in order, for ``receive``.
        """
        command_id = command.get("id", f"r{next(self._ids)}")
        await self.send({**command, "id": command_id})
        passed: list[Message] = []
        try:
            while (message := await self.receive(timeout_s=timeout_s)).get("id") != command_id:
                passed.append(message)
        finally:
            self._kept.extendleft(reversed(passed))
        return message

    def _frame(self, message: Message) -> bytes:
        mask = secrets.token_bytes(4)
        if self._is_binary:
            return masked_frame(Opcode.BINARY, msgspec.msgpack.encode(message), mask)
        return masked_frame(Opcode.TEXT, msgspec.json.encode(message), mask)

    def _write(self, data: bytes) -> None:
        if self._ended is not None:
            raise self._ended
        self._writer.write(data)

    # -- in ------------------------------------------------------------------------------------

    async def receive(self, *, timeout_s: float | None = None) -> Message:
        """The next message. Raises ``Disconnected`` after the last, ``TimeoutError``.

        Cancelled, it loses nothing.
        """
        if self._kept:
            return self._kept.popleft()
        async with asyncio.timeout(timeout_s):
            while True:
                event = await self._next_event()
                if isinstance(event, str):
                    return self._message(msgspec.json.decode(event))
                if isinstance(event, bytes):
                    return self._message(msgspec.msgpack.decode(event))
                self._on_control(event)

    async def expect(
        self, kind: str, /, *, timeout_s: float | None = None, **fields: object
    ) -> Message:
        """The next message of this type with these fields; others on the way are passed over."""
        while True:
            message = await self.receive(timeout_s=timeout_s)
            if message["type"] == kind and fields.items() <= message.items():
                return message

    @staticmethod
    def _message(value: object) -> Message:
        assert isinstance(value, dict), f"a message is an object, not {value!r}"
        return value

    async def _next_event(self) -> Event:
        while True:
            if self._ended is not None:
                raise self._ended
            event = self._receiver.next()
            if event is not None:
                return event
            self._receiver.settle()
            await self._read_more()

    async def _read_more(self) -> None:
        try:
            async with asyncio.timeout(self._silence_s):
                data = await self._reader.read(READ_BYTES)
        except OSError as error:  # a time limit is one, and so is a network that is unplugged
            self._end(ABNORMAL, str(error) or "silence")
            return
        if data:
            self._receiver.feed(data)
        else:
            self._end(ABNORMAL, "the stream ended")

    def _on_control(self, event: Event) -> None:
        if isinstance(event, Ping):
            self._writer.write(masked_frame(Opcode.PONG, event.payload, secrets.token_bytes(4)))
        elif isinstance(event, Close):
            self._writer.write(_close_frame(event.code or 1000))
            self._end(event.code or NO_CODE, event.reason)

    # -- ending --------------------------------------------------------------------------------

    async def close(self, code: int = 1000, *, timeout_s: float | None = None) -> None:
        """Say goodbye and wait for the server's own Close; what still comes is dropped.

        Harmless when the connection has ended already.
        """
        try:
            if self._ended is None:
                self._writer.write(_close_frame(code))
                while True:
                    await self.receive(timeout_s=timeout_s)
        except Disconnected:
            pass
        finally:
            await self.abort()

    async def abort(self) -> None:
        """Drop the connection at once, without a word. Harmless when it has ended already."""
        self._end(ABNORMAL, "given up here")
        await drop(self._writer)

    def _end(self, code: int, reason: str) -> None:
        if self._ended is None:
            self._ended = Disconnected(code, reason)


def _close_frame(code: int) -> bytes:
    return masked_frame(Opcode.CLOSE, close_payload(code), secrets.token_bytes(4))
