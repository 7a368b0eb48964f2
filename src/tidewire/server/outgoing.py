"""The write side of a connection: one write a tick, and what waits for a slow reader.

Knows a transport and bytes; what they mean, and what a connection does about a
reader that is behind, is for its kinds to say. What it is told to send leaves with
the tick's one write; while the peer reads too slowly it queues, bounded by bytes
and by age.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from tidewire.server.shared import Shared
from tidewire.websocket import close_codes
from tidewire.websocket.close_codes import CloseCode

WRITE_HIGH_WATER_BYTES = 64 * 1024
"""Where the transport asks us to stop; what comes later is our own, bounded, droppable queue."""


class Outgoing(asyncio.BufferedProtocol):
    """Writes to one transport, from when it is set to its loss."""

    __slots__ = (
        "_backlog",
        "_backlog_bytes",
        "_deadline",
        "_drained",
        "_is_clear",
        "_is_open",
        "_outbox",
        "_shared",
        "_transport",
    )

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._transport: asyncio.Transport | None = None
        self._outbox: list[bytes] | None = None  # what leaves at this tick's end
        self._backlog: list[bytes] | None = None  # what waits while the transport is full
        self._backlog_bytes = 0
        self._drained: asyncio.Future[None] | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._is_open = False
        self._is_clear = False  # open, and nothing queued: a block may be written at once

    # -- what its kinds do ---------------------------------------------------------------------

    def _on_full(self) -> None:
        """The transport takes no more."""
        raise NotImplementedError

    def _on_room(self) -> None:
        """The transport has taken all that waited."""
        raise NotImplementedError

    def close(self, code: CloseCode, reason: str | None = None) -> None:
        """Say goodbye, with ``code``'s reason if none is given."""
        raise NotImplementedError

    # -- writing -------------------------------------------------------------------------------

    def _write_to(self, transport: asyncio.Transport) -> None:
        """Begin."""
        transport.set_write_buffer_limits(high=WRITE_HIGH_WATER_BYTES)
        self._transport = transport
        self._is_open = self._is_clear = True

    def queue(self, data: bytes) -> None:
        """Send ``data``, whole frames, with this tick's one write."""
        if not self._is_open:
            return
        if self._outbox is None:
            self._outbox = [data]
            self._is_clear = False
            self._shared.queue(self)
        else:
            self._outbox.append(data)

    @property
    def is_behind(self) -> bool:
        return self._backlog is not None

    def deliver(self, data: bytes) -> None:
        """Write ``data`` now, behind what is queued. The end of every fan-out: kept flat."""
        if self._is_clear:
            try:
                self._transport.write(data)  # type: ignore[union-attr]  # set while clear
            except RuntimeError:  # uvloop, between losing the connection and telling us
                self._is_clear = False
        elif self._outbox is not None:
            self._outbox.append(data)
        elif self._is_open:
            self._write(data)

    def flush(self) -> None:
        outbox, self._outbox = self._outbox, None
        if outbox is None or not self._is_open:
            return
        self._is_clear = self._backlog is None
        data = outbox[0] if len(outbox) == 1 else b"".join(outbox)
        self._shared.counters.bytes_sent += len(data)
        self._write(data)

    def _write(self, data: bytes) -> None:
        if self._backlog is not None:
            self._keep(data)
        elif self._transport is not None:
            try:
                self._transport.write(data)
            except RuntimeError:
                self._is_clear = False

    def _keep(self, data: bytes) -> None:
        """The transport is full: queue, and give up on a reader that is too far behind."""
        backlog = self._backlog
        if backlog is None:
            return
        backlog.append(data)
        self._backlog_bytes += len(data)
        self._shared.counters.queue_bytes += len(data)
        if self._backlog_bytes > self._shared.limits.queue_bytes:
            self._too_slow()

    # -- a peer that reads too slowly -----------------------------------------------------------

    def pause_writing(self) -> None:
        self._backlog = []
        self._is_clear = False
        self._on_full()
        if self._is_open:
            self._watch_progress()

    def resume_writing(self) -> None:
        backlog = self._drop_backlog()
        self._is_clear = self._is_open and self._outbox is None
        if self._is_open:
            self._stop_deadline()
        if backlog and self._transport is not None:
            self._write(b"".join(backlog))  # may fill the transport again at once
        if self._backlog is None:
            self._wake_drained()
            self._on_room()

    def _watch_progress(self) -> None:
        if self._transport is not None:
            unsent = self._transport.get_write_buffer_size()
            judge = partial(self._judge, unsent, waits=bool(self._backlog))
            self._start_deadline(self._shared.limits.queue_age_s, judge)

    def _judge(self, unsent: int, *, waits: bool) -> None:
        """Give up on a reader that has stood still since, or that has not come to what waited.
        One that reads, if slowly, may go on: its channels keep what they have for it."""
        self._deadline = None
        transport = self._transport
        if waits or transport is None or transport.get_write_buffer_size() >= unsent:
            self._too_slow()
        else:
            self._watch_progress()

    def _drop_backlog(self) -> list[bytes]:
        backlog, self._backlog = self._backlog, None
        self._shared.counters.queue_bytes -= self._backlog_bytes
        self._backlog_bytes = 0
        return backlog or []

    def _too_slow(self) -> None:
        """All that waits is dropped: what is left out has to be a tail, never a hole."""
        self._shared.counters.slow_readers += 1
        self._drop_backlog()
        self._outbox = None
        self.close(close_codes.SLOW_READER)

    async def drained(self) -> None:
        """Wait until what was sent has left for the kernel, or the connection is lost."""
        while self._outbox is not None and self._is_open:  # noqa: ASYNC110
            await asyncio.sleep(0)  # the tick ends one turn of the loop away
        while self._backlog is not None and self._is_open:
            self._drained = self._shared.loop.create_future()
            await self._drained

    def _wake_drained(self) -> None:
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        self._drained = None

    def _take_unsent(self) -> list[bytes]:
        """All that waits, to go first or to be dropped; nothing more is taken."""
        unsent = self._drop_backlog() + (self._outbox or [])
        self._outbox = None
        self._is_open = self._is_clear = False
        return unsent

    # -- deadlines -----------------------------------------------------------------------------

    def _start_deadline(self, delay_s: float, action: Callable[[], None]) -> None:
        """One deadline at a time: what is unfinished, what is unsent, or the answer to a Close."""
        self._stop_deadline()
        self._deadline = self._shared.loop.call_later(delay_s, action)

    def _stop_deadline(self) -> None:
        if self._deadline is not None and self._is_open:
            self._deadline.cancel()
            self._deadline = None
