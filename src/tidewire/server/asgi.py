"""A client over another ASGI server's WebSocket: the same rules, with what that server offers.

Messages arrive and leave whole, through ASGI's ``receive`` and ``send``; frames,
pings and Close handshakes are that server's. So order, permissions, limits and
recovery are what they are everywhere, and speed, heartbeats and the exact bound
on what waits are not.

https://asgi.readthedocs.io/en/latest/specs/www.html#websocket
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator, MutableMapping
from contextlib import suppress
from typing import Any, TypeAlias

from tidewire.messages import Event
from tidewire.node.peer import Peer
from tidewire.security.rates import TokenBucket
from tidewire.server.shared import Shared
from tidewire.server.wires import PlainWire
from tidewire.session import Session
from tidewire.websocket import close_codes
from tidewire.websocket.close_codes import CloseCode
from tidewire.websocket.receiver import ReceiveLimits, Receiver, Role

Message: TypeAlias = MutableMapping[str, Any]
AsgiReceive: TypeAlias = Callable[[], Awaitable[Message]]
AsgiSend: TypeAlias = Callable[[Message], Awaitable[None]]

ABNORMAL = 1006

HIGH_WATER_BYTES = 64 * 1024
"""What may wait for the server's ``send`` before the client counts as behind: as on our own
connections."""

UNBOUNDED = 2**62
"""For cutting our own frames apart: their sizes were bounded when they were made."""


class Cutter:
    """Cuts blocks of our own frames back into messages; shared by all connections.

    A fan-out hands the same block to everybody, one after the other, so the last one
    is remembered: cut anew for each of a hundred readers it was half of a delivery's cost.
    """

    def __init__(self) -> None:
        self._receiver = Receiver(Role.CLIENT, ReceiveLimits(UNBOUNDED, 1), None)
        self._block = b""
        self._messages: list[Message] = []

    def messages(self, block: bytes) -> list[Message]:
        """The block's messages, as ASGI sends them. Not to be changed."""
        if block is not self._block:
            self._block, self._messages = block, list(self._cut(block))
        return self._messages

    def _cut(self, block: bytes) -> Iterator[Message]:
        self._receiver.feed(block)
        while (payload := self._receiver.next()) is not None:
            kind = "text" if isinstance(payload, str) else "bytes"
            yield {"type": "websocket.send", kind: payload}
        self._receiver.settle()


class AsgiConnection:
    """One client's WebSocket on another server. Implements ``node.Peer``."""

    def __init__(
        self,
        shared: Shared,
        session: Session,
        wire: PlainWire,
        cutter: Cutter,
        *,
        limited_ip: str | None,
        receive: AsgiReceive,
        send: AsgiSend,
    ) -> None:
        self.session = session
        self.wire = wire
        self.limited_ip = limited_ip
        self.slot = 0
        self.opened_at = shared.clock.monotonic()
        self.close_code = 0
        self.close_reason = ""
        self._shared = shared
        self._receive = receive
        self._send = send
        self._frames = TokenBucket(shared.limits.session.frames)
        self._outbox: list[bytes] = []
        self._backlog_bytes = 0
        self._wakened = asyncio.Event()  # there is something to send, or to stop for
        self._drained = asyncio.Event()
        self._drained.set()
        self._command: asyncio.Task[None] | None = None
        self._farewell: CloseCode | None = None
        self._is_behind = False
        self._is_open = True
        self._cutter = cutter

    async def serve(self) -> None:
        """From the accepted handshake to the end, however it comes. Cancelling ends it, too."""
        shared = self._shared
        shared.connections.add(self)
        shared.wheel.add(self, self._before_expiry(shared.limits.heartbeat_interval_s))
        shared.handler.welcome(self)
        writing = shared.loop.create_task(self._write())
        reading = shared.loop.create_task(self._read())
        try:
            await asyncio.wait((writing, reading), return_when=asyncio.FIRST_COMPLETED)
            if self._farewell is not None:
                await writing
            for task in (writing, reading):
                if task.done():
                    task.result()
        finally:
            self._end(ABNORMAL)
            for task in (writing, reading):
                task.cancel()
            await asyncio.gather(writing, reading, return_exceptions=True)
            shared.lost(self)

    # -- reading -------------------------------------------------------------------------------

    async def _read(self) -> None:
        while self._is_open:
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                self.close_reason = message.get("reason") or ""
                self._end(message.get("code") or ABNORMAL)
                return
            self._take(message)
            if self._command is not None:  # the client's next one waits for it
                await asyncio.wait((self._command,))
            await self._drained.wait()  # while its write side is full we do not read from it

    def _take(self, message: Message) -> None:
        shared, text, data = self._shared, message.get("text"), message.get("bytes")
        shared.tick.request()
        wait_s = self._frames.take(shared.tick.now)
        shared.counters.received += 1
        if self._size(text, data) > shared.limits.session.max_message_bytes:
            self.close(close_codes.TOO_LARGE)
        elif wait_s:
            shared.handler.refuse_frames(self, wait_s)
        elif text is not None:
            shared.handler.receive(self, text)
        else:
            shared.handler.receive_binary(self, data or b"")

    def _size(self, text: str | None, data: bytes | None) -> int:
        size = len(data or b"") if text is None else len(text.encode())
        self._shared.counters.bytes_received += size
        return size

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a command that may wait, and read nothing else until it has ended."""
        self._command = self._shared.loop.create_task(work)
        self._command.add_done_callback(self._command_done)

    def _command_done(self, task: asyncio.Task[None]) -> None:
        self._command = None
        if not task.cancelled() and (error := task.exception()) is not None:
            self._shared.loop.call_exception_handler({"message": "a command", "exception": error})

    # -- writing -------------------------------------------------------------------------------

    @property
    def is_behind(self) -> bool:
        return self._is_behind

    def send(self, event: Event) -> None:
        self.deliver(self.wire.event(event))

    def deliver(self, data: bytes) -> None:
        """Queue whole frames, the same bytes everybody gets; given up on where too many wait."""
        if not self._is_open:
            return
        self._outbox.append(data)
        self._backlog_bytes += len(data)
        self._wakened.set()
        self._drained.clear()
        if self._backlog_bytes > self._shared.limits.queue_bytes:
            self._too_slow()
        elif self._backlog_bytes > HIGH_WATER_BYTES and not self._is_behind:
            self._is_behind = True
            self._shared.handler.fell_behind(self)

    def _too_slow(self) -> None:
        """All that waits is dropped: what is left out has to be a tail, never a hole."""
        self._shared.counters.slow_readers += 1
        self._outbox.clear()
        self.close(close_codes.SLOW_READER)

    async def _write(self) -> None:
        """Send what comes; after the last of it, the Close."""
        while True:
            await self._wakened.wait()
            self._wakened.clear()
            outbox, self._outbox = self._outbox, []
            await self._send_in_time(outbox)
            if not self._outbox:
                self._all_sent()
            if self._farewell is not None and not self._outbox:
                await self._say_goodbye(self._farewell)
                return

    def _all_sent(self) -> None:
        self._backlog_bytes = 0
        self._drained.set()
        if self._is_behind and self._is_open:
            self._is_behind = False
            self._shared.handler.caught_up(self)  # which may send, and fill us again

    async def _send_in_time(self, blocks: list[bytes]) -> None:
        """The server's ``send`` waits while the client does not read: not for ever."""
        try:
            async with asyncio.timeout(self._shared.limits.queue_age_s):
                for block in blocks:
                    for message in self._cutter.messages(block):
                        await self._send(message)
        except TimeoutError:
            self._too_slow()

    async def _say_goodbye(self, code: CloseCode) -> None:
        message = {"type": "websocket.close", "code": code.number, "reason": self.close_reason}
        with suppress(TimeoutError):
            async with asyncio.timeout(self._shared.limits.queue_age_s):
                await self._send(message)

    async def drained(self) -> None:
        """Wait until what was sent has been taken by the server, or the client is gone."""
        await self._drained.wait()

    # -- ending --------------------------------------------------------------------------------

    def beat(self) -> float | None:
        """The server pings; the token's end is ours to see."""
        if not self._is_open:
            return None
        if self.session.is_expired(self._shared.clock.time()):
            self.close(close_codes.TOKEN_EXPIRED)
            return None
        return self._before_expiry(self._shared.limits.heartbeat_interval_s)

    def _before_expiry(self, delay_s: float) -> float:
        expires_at = self.session.user.expires_at
        if expires_at is None:
            return delay_s
        return min(delay_s, max(0.0, expires_at - self._shared.clock.time()))

    def close(self, code: CloseCode, reason: str | None = None) -> None:
        """Leave every channel now, and say why after what was queued before."""
        if self._is_open:
            self.close_reason = reason or code.reason
            self._farewell = code
            self._end(code.number)
            self._wakened.set()

    def abort(self) -> None:
        """Nothing waits for this client any more."""
        self._end(ABNORMAL)
        self._wakened.set()

    def _end(self, code: int) -> None:
        """Stop taking part, whatever the way out."""
        if not self._is_open:
            return
        self._is_open = False
        self.close_code = code
        self._drained.set()
        self._shared.handler.leave(self, code)
        self._shared.took_leave(self)
        self._shared.wheel.discard(self)
        if self._command is not None:
            self._command.cancel()


_: type[Peer] = AsgiConnection
