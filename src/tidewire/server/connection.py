"""The WebSocket connection: bytes in, bytes out, and when to stop reading or give up.

It knows frames, buffers and deadlines. What a message means is its handler's
(the node's) business, what a client may do is its session's.

- Parsing is synchronous and the read buffer is the whole process's, so an idle
  connection owns no buffer.
- Reading pauses for a set of reasons and goes on when the set is empty; frames
  already read are kept meanwhile.
- While the peer reads too slowly nothing is read from it, and its channels are told;
  what it is sent meanwhile is ``outgoing``'s.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Coroutine, Iterator
from typing import Any

from tidewire.errors import ProtocolViolated
from tidewire.messages import Event
from tidewire.node.peer import Peer
from tidewire.security.rates import TokenBucket
from tidewire.server.outgoing import Outgoing
from tidewire.server.shared import READ_BUFFER_BYTES, Shared
from tidewire.server.wires import PlainWire
from tidewire.session import Session
from tidewire.websocket import close_codes
from tidewire.websocket.close_codes import CloseCode
from tidewire.websocket.frames import Opcode, close_frame, frame, ping_frame, pong_frame
from tidewire.websocket.receiver import Close, Ping, Receiver
from tidewire.websocket.receiver import Event as Received

CLOSE_DEADLINE_S = 5.0
"""How long a peer may take to answer a Close (catalogue 46)."""

NO_CODE = 1005
ABNORMAL = 1006
"""What is counted where a Close frame gave no code, and where none was seen, as browsers do."""


class Paused:
    """Why a connection is not being read: bits, and no enum, which took 0.1 us to be asked."""

    NOTHING = 0
    WRITE_FULL = 1
    COMMAND = 2


class Connection(Outgoing):
    """One client's WebSocket, from the 101 to the end. Implements ``node.Peer``."""

    __slots__ = (
        "_awaits_pong",
        "_command",
        "_frames",
        "_has_heard",
        "_paused",
        "_receiver",
        "close_code",
        "close_reason",
        "limited_ip",
        "opened_at",
        "session",
        "slot",
        "wire",
    )

    def __init__(
        self,
        shared: Shared,
        session: Session,
        wire: PlainWire,
        receiver: Receiver,
        limited_ip: str | None,
    ) -> None:
        super().__init__(shared)
        self.limited_ip = limited_ip  # the address it is counted under, if under any
        self.session = session
        self.wire = wire
        self.slot = 0
        self.opened_at = 0.0
        self.close_code = 0
        self.close_reason = ""
        self._receiver = receiver
        self._frames: TokenBucket | None = None
        self._command: asyncio.Task[None] | None = None
        self._paused = Paused.NOTHING
        self._has_heard = False
        self._awaits_pong = False

    # -- beginning -----------------------------------------------------------------------------

    def start(self, transport: asyncio.Transport, head: bytes, early: bytes) -> None:
        """Take over ``transport``: send the upgrade's ``head``, then act on ``early`` bytes."""
        shared = self._shared
        self.opened_at = shared.clock.monotonic()
        self._write_to(transport)
        transport.set_protocol(self)
        self.queue(head)  # one write with the welcome
        shared.connections.add(self)
        shared.wheel.add(self, self._first_beat_s())
        self._greet()
        if not self._paused:  # else it waits for an application to let it in
            transport.resume_reading()
        if early:
            self._take(early)

    def _greet(self) -> None:
        self._shared.handler.welcome(self)

    def _first_beat_s(self) -> float:
        """Anywhere in the second half of the interval, so that a crowd's heartbeats spread."""
        interval_s = self._shared.limits.heartbeat_interval_s
        return self._before_expiry(interval_s * random.uniform(0.5, 1.0))  # noqa: S311

    # -- reading -------------------------------------------------------------------------------

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._shared.read_buffer

    def buffer_updated(self, nbytes: int) -> None:
        self._take(self._shared.read_buffer[:nbytes])

    def data_received(self, data: bytes) -> None:
        """Never called. Without the name uvloop keeps the previous protocol alive: 9 KiB each."""

    def _take(self, data: memoryview | bytes) -> None:
        shared = self._shared
        if not shared.tick.is_requested:
            shared.tick.request()  # whatever this causes leaves together, and is timed from here
        self._has_heard = True
        shared.counters.bytes_received += len(data)
        if not self._is_open and len(data) == READ_BUFFER_BYTES:
            # Not the peer's own Close and what was on its way: a flood, which taken in held
            # everybody else for seconds (catalogue 40).
            self._stop_reading()
            return
        self._receiver.feed(data)
        self._pull()

    def _pull(self) -> None:
        """Act on the frames that are here, until one of them makes us stop."""
        receiver, shared = self._receiver, self._shared
        try:
            if self._is_open and not self._paused:
                self._hear(receiver.texts(), shared)
            while not self._paused and receiver.has_more:
                event = receiver.next()
                within = True
                if receiver.frames:
                    within = self._charge(receiver.frames)
                    receiver.frames = 0
                if event is None:
                    break
                self._act_on(event, within=within)
                if self._is_open and not self._paused:
                    self._hear(receiver.texts(), shared)
        except ProtocolViolated as violation:
            self._fail(violation)
            return
        is_unfinished = receiver.settle()
        if (is_unfinished or self._deadline is not None) and not self._paused:
            self._watch_unfinished(is_unfinished)

    def _hear(self, texts: Iterator[str], shared: Shared) -> None:
        """Act on short messages, nearly all that comes, until one of them makes us stop.

        Flat, and apart from ``_act_on``: 0.8 us each with their parsing, where one at a
        time took 1.06.
        """
        bucket = self._frames or self._frame_budget()
        take, now = bucket.take, shared.tick.now
        counters, receive = shared.counters, shared.handler.receive
        for text in texts:
            wait_s = take(now)
            if wait_s:
                shared.handler.refuse_frames(self, wait_s)
            else:
                counters.received += 1
                receive(self, text)
            if self._paused or not self._is_open:
                return

    def _act_on(self, event: Received, *, within: bool) -> None:
        if not self._is_open:
            self._linger(event, within=within)
        elif within and isinstance(event, str):
            self._stop_deadline()
            self._shared.counters.received += 1
            self._shared.handler.receive(self, event)
        elif within or isinstance(event, Close):
            self._on_other(event)

    def _watch_unfinished(self, is_unfinished: bool) -> None:
        if not is_unfinished:
            if self._deadline is not None:
                self._stop_deadline()
        elif self._deadline is None:
            self._start_deadline(self._shared.limits.unfinished_message_s, self._unfinished)

    def _charge(self, count: int) -> bool:
        """Charge the frame budget for ``count`` frames; whether they may be acted on."""
        bucket, now = self._frame_budget(), self._shared.tick.now
        wait_s = bucket.take(now)
        while count > 1:
            count -= 1
            wait_s = bucket.take(now) or wait_s
        if wait_s and self._is_open:
            self._shared.handler.refuse_frames(self, wait_s)
        return not wait_s

    def _frame_budget(self) -> TokenBucket:
        if self._frames is None:
            self._frames = TokenBucket(self._shared.limits.session.frames)
        return self._frames

    def _on_other(self, event: Received) -> None:
        if isinstance(event, bytes):
            self._stop_deadline()
            self._shared.handler.receive_binary(self, event)
        elif isinstance(event, Ping):
            self.queue(pong_frame(event.payload))
        elif isinstance(event, Close):
            self._answer_close(event)

    # -- pausing -------------------------------------------------------------------------------

    def _pause(self, reason: int) -> None:
        if not self._paused and self._transport is not None:
            self._transport.pause_reading()
            self._stop_deadline()  # what we do not read cannot be finished
        self._paused |= reason

    def _resume(self, reason: int) -> None:
        if not self._paused & reason:
            return
        self._paused &= ~reason
        if self._paused or self._transport is None:
            return
        self._awaits_pong = False  # its answer may have been waiting unread
        self._shared.tick.request()  # a turn of its own, which no read began
        self._pull()
        if not self._paused and self._transport is not None:
            self._transport.resume_reading()

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a command that may wait, and read nothing else until it has ended."""
        self._pause(Paused.COMMAND)
        self._command = self._shared.loop.create_task(work)
        self._command.add_done_callback(self._command_done)

    def _command_done(self, task: asyncio.Task[None]) -> None:
        self._command = None
        if not task.cancelled() and (error := task.exception()) is not None:
            self._shared.loop.call_exception_handler({"message": "a command", "exception": error})
        self._resume(Paused.COMMAND)

    # -- writing -------------------------------------------------------------------------------

    def send(self, event: Event) -> None:
        self.queue(self.wire.event(event))

    def _on_full(self) -> None:
        self._pause(Paused.WRITE_FULL)
        if self._is_open:
            self._shared.handler.fell_behind(self)

    def _on_room(self) -> None:
        self._resume(Paused.WRITE_FULL)
        # After whoever waited to send more of the past, or busy channels would starve it.
        self._shared.loop.call_soon(self._catch_up)

    def _catch_up(self) -> None:
        """Take what its channels have kept for it, behind what it was told meanwhile."""
        self.flush()
        if self._is_open and self._backlog is None:
            self._shared.handler.caught_up(self)

    # -- heartbeats ----------------------------------------------------------------------------

    def beat(self) -> float | None:
        """Ping, or give up on a peer that has not answered; answers when to come again."""
        limits = self._shared.limits
        if not self._is_open:
            return None
        if self.session.is_expired(self._shared.clock.time()):
            self.close(close_codes.TOKEN_EXPIRED)
            return None
        if self._paused:  # its pongs go unread, so silence says nothing
            return self._before_expiry(limits.heartbeat_interval_s)
        if not self._awaits_pong:
            self._awaits_pong, self._has_heard = True, False
            self.queue(PING)
            return self._before_expiry(limits.heartbeat_timeout_s)
        if not self._has_heard:
            self._cut(close_codes.HEARTBEAT_MISSED)
            return None
        self._awaits_pong = False
        rest_s = limits.heartbeat_interval_s - limits.heartbeat_timeout_s
        return self._before_expiry(max(rest_s, self._shared.wheel.slice_s))

    def _before_expiry(self, delay_s: float) -> float:
        """``delay_s``, or less where the token runs out earlier."""
        expires_at = self.session.user.expires_at
        if expires_at is None:
            return delay_s
        return min(delay_s, max(0.0, expires_at - self._shared.clock.time()))

    def _unfinished(self) -> None:
        self._deadline = None
        self.close(close_codes.POLICY_VIOLATION, "message not finished in time")

    # -- ending --------------------------------------------------------------------------------

    def close(self, code: CloseCode, reason: str | None = None) -> None:
        """Leave every channel now, say why, and wait a little for the peer's own Close."""
        if not self._is_open:
            return
        self.close_reason = reason or code.reason
        self._end(code.number, close_frame(code.number, self.close_reason))
        if self._paused and self._transport is not None:
            self._paused = Paused.NOTHING  # to see its Close; whatever else comes is ignored
            self._transport.resume_reading()

    def _fail(self, violation: ProtocolViolated) -> None:
        """Close for a broken rule; nothing that follows the violation is acted on."""
        if not self._is_open:
            return
        self.close_reason = str(violation)
        self._end(violation.close_code, close_frame(violation.close_code, self.close_reason))
        transport = self._transport
        if transport is not None and transport.can_write_eof():
            transport.write_eof()  # closing with bytes unread would reset, and lose the Close
        elif transport is not None:
            transport.close()

    def _answer_close(self, event: Close) -> None:
        if event.code is None:
            self._end(NO_CODE, frame(Opcode.CLOSE, b""))
        else:
            self._end(event.code, close_frame(event.code))
        if self._transport is not None:
            self._transport.close()

    def _cut(self, code: CloseCode) -> None:
        """Give up on a peer that has vanished: nobody will answer a Close."""
        self.close_reason = code.reason
        self._end(code.number, close_frame(code.number, code.reason))
        if self._transport is not None:
            self._transport.abort()

    def _end(self, code: int, farewell: bytes) -> None:
        """Stop taking part, whatever the way out: what was queued and ``farewell`` go first."""
        self._stop_deadline()
        queued = self._take_unsent()
        self.close_code = code
        self._shared.handler.leave(self, code, self.close_reason)
        self._forget()
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(b"".join([*queued, farewell]))
            self._deadline = self._shared.loop.call_later(CLOSE_DEADLINE_S, self.abort)

    def _linger(self, event: object, *, within: bool) -> None:
        """We have sent our Close: the peer's ends it, anything else is ignored, a flood unread."""
        if type(event) is Close and self._transport is not None:
            self._transport.close()
        elif not within:
            self._stop_reading()

    def _stop_reading(self) -> None:
        """For good: what still comes waits in the kernel until the deadline hangs up on it."""
        self._receiver.end()
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def abort(self) -> None:
        """Drop the connection at once, without a word."""
        if self._transport is not None:
            self._transport.abort()

    def _forget(self) -> None:
        """Undo what ``start`` registered, and wake whoever waits for us."""
        self._shared.took_leave(self)
        self._shared.wheel.discard(self)
        if self._command is not None:
            self._command.cancel()
        self._wake_drained()

    def eof_received(self) -> bool:
        return False  # the peer has hung up: the transport closes itself

    def connection_lost(self, exc: Exception | None) -> None:
        if self._is_open:
            self._stop_deadline()
            self._is_open = self._is_clear = False
            self.close_code = ABNORMAL
            self._shared.handler.leave(self, ABNORMAL, self.close_reason)
            self._forget()
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        self._take_unsent()
        self._transport = None  # the one cycle a connection has
        self._shared.lost(self)


PING = ping_frame()

_: type[Peer] = Connection
