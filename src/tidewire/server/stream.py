"""The event stream: a connection whose client only listens (HTML Standard, section 9.2).

What it writes, how it queues and when it gives up on a reader are a WebSocket's;
its messages are blocks of lines. The response has no length and no chunks: it
ends with the connection, so that the hub's bytes go out as they are.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from tidewire.dialects.eventstream import COMMENT, block, retry
from tidewire.messages import Draining, Event, Lost, Subscribed, SubscribedAll
from tidewire.server.connection import Connection
from tidewire.server.shared import Shared
from tidewire.server.streamwires import StreamWire, StreamWires
from tidewire.session import Session
from tidewire.websocket import close_codes
from tidewire.websocket.close_codes import CloseCode
from tidewire.websocket.receiver import ReceiveLimits, Receiver, Role

RETRY_S = (1.0, 3.0)
"""A browser comes back after the same time each time, so a crowd is spread from the beginning."""

MAX_IGNORED_BYTES = 4096
"""A listener has nothing to say after its request; what little a client sends all the same is
dropped, and one that goes on is."""

_NEVER_FED = Receiver(Role.SERVER, ReceiveLimits())


class Stream(Connection):
    """One client's event stream, from the response's head to the end."""

    __slots__ = ("_attend", "_ignored_bytes", "_is_settled", "_may_share_soon", "_wires")

    wire: StreamWire  # type: ignore[assignment]  # blocks of lines, where its base has frames

    def __init__(
        self,
        shared: Shared,
        session: Session,
        wires: StreamWires,
        wire: StreamWire,
        *,
        limited_ip: str | None,
        attend: Callable[[Stream], None],
    ) -> None:
        super().__init__(shared, session, wire, _NEVER_FED, limited_ip)  # type: ignore[arg-type]
        self._wires = wires
        self._attend = attend
        self._ignored_bytes = 0
        self._is_settled = False  # subscribed to all its channels
        self._may_share_soon = False

    def _greet(self) -> None:
        self.queue(retry(random.uniform(*RETRY_S)))  # noqa: S311
        self._attend(self)
        del self._attend  # holds the request: half a kilobyte

    def _settle(self, answer: SubscribedAll) -> None:
        """It has been answered for each of its channels, and has no way to ask again."""
        if answer.refused:
            self.close(close_codes.TRY_AGAIN_LATER, "not subscribed: come back")
        else:
            self._is_settled = True
            self._share_soon()

    # -- reading -------------------------------------------------------------------------------

    def _take(self, data: memoryview | bytes) -> None:
        self._shared.counters.bytes_received += len(data)
        self._ignored_bytes += len(data)
        if self._ignored_bytes > MAX_IGNORED_BYTES:
            self.abort()

    def _pull(self) -> None:
        """There are no frames."""

    # -- writing -------------------------------------------------------------------------------

    def send(self, event: Event) -> None:
        if isinstance(event, Subscribed | Lost):
            self._wires.part(self)  # its alone, and so is its place from here on
        elif isinstance(event, Draining):
            soonest, latest = RETRY_S
            self.queue(retry(random.uniform(soonest, latest + event.window)))  # noqa: S311
        if isinstance(event, SubscribedAll):
            self._settle(event)
        else:
            self.queue(self.wire.event(event))

    def queue(self, data: bytes) -> None:
        self._note(data)
        super().queue(data)

    def deliver(self, data: bytes) -> None:
        if not self.wire.is_common:
            self._note(data)
        super().deliver(data)

    def _note(self, data: bytes) -> None:
        if not self.wire.is_common:
            self.wire.wrote(data)
            self._share_soon()

    def _share_soon(self) -> None:
        """After the fan-out that we are perhaps amid of."""
        if self._is_settled and not self._may_share_soon:
            self._may_share_soon = True
            self._shared.loop.call_soon(self._share)

    def _share(self) -> None:
        self._may_share_soon = False
        if self._is_open and not self.is_behind:
            self._wires.share(self)

    def pause_writing(self) -> None:
        if self._is_open:
            self._wires.part(self)  # from here on its channels may leave out what it misses
        super().pause_writing()

    # -- heartbeats ----------------------------------------------------------------------------

    def beat(self) -> float | None:
        """Keep proxies from taking it for dead. That the peer is, the kernel notices: nobody
        answers a comment, so the socket has a limit on what goes unacknowledged."""
        if not self._is_open:
            return None
        if self.session.is_expired(self._shared.clock.time()):
            self.close(close_codes.TOKEN_EXPIRED)
            return None
        if not self.is_behind:
            self.queue(COMMENT)
        return self._before_expiry(self._shared.limits.heartbeat_interval_s)

    # -- ending --------------------------------------------------------------------------------

    def close(self, code: CloseCode, reason: str | None = None) -> None:
        """Leave every channel now, say why, and end the response."""
        if not self._is_open:
            return
        self.close_reason = reason or code.reason
        self._end(code.number, _farewell(code, self.close_reason))
        if self._transport is not None:
            self._transport.close()

    def _forget(self) -> None:
        super()._forget()
        self._wires.end(self)


def _farewell(code: CloseCode, reason: str) -> bytes:
    """What a WebSocket's Close frame says. Reasons are ours, and need no escapes."""
    return block(b'{"type":"closed","code":%d,"reason":"%b"}' % (code.number, reason.encode()),
                 event="closed")  # fmt: skip
