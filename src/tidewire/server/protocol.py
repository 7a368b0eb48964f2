"""Where HTTP ends: uvicorn's protocol for requests, ours for what asks to be a WebSocket.

Plain requests go on to the ASGI application as uvicorn does it. What is added:
bounds on the request's head and on the time it may take, and the hand-over of
an upgrade, with the parsed request, to our own connection after checks that may
wait. Used by ``tidewire serve``, and by ``uvicorn --http
tidewire.server.protocol:TidewireProtocol`` with an application of ``tidewire.asgi``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any
from urllib.parse import unquote

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from tidewire.errors import HandshakeRefused, StartFailed
from tidewire.security.proxies import Scheme
from tidewire.server.door import Admitted, FrontDoor, Request
from tidewire.server.listening import ACCEPTED_INHERIT, set_notsent_lowat
from tidewire.server.refusals import refusal_response

STATE_KEY = "tidewire"
"""Where the lifespan state carries the front door to this protocol."""


class TidewireProtocol(HttpToolsProtocol):
    """One TCP connection, until it is a WebSocket or gone."""

    has_socket_options = False
    """Whether the socket comes with what we set: uvicorn alone does not see to it."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        door = app_state.get(STATE_KEY)
        if not isinstance(door, FrontDoor):
            raise StartFailed("this protocol serves an application made by tidewire.asgi(...)")
        self._door = door
        self._limited_ip: str | None = None
        self._is_counted = False
        self._is_in_head = True
        self._is_upgrade = False
        self._head_bytes = 0  # of an unfinished head, as fed
        self._counted_bytes = 0  # of a head's parts, as parsed
        self._deadline: asyncio.TimerHandle | None = None
        self._upgrading: asyncio.Task[None] | None = None
        self._is_stream = False  # the request is for an event stream, and the last one here
        self._early = b""
        self._refusal: HandshakeRefused | None = None

    # -- connection ----------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._door.sentinel.stand_among(self.connections)
        try:
            self._limited_ip = self._door.knock(self._peer_ip)
        except HandshakeRefused as refusal:
            self._refuse(refusal)
            return
        self._is_counted = True
        self._start_deadline()

    @property
    def _peer_ip(self) -> str:
        return self.client[0] if self.client else ""

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_deadline()
        self._uncount()
        if self._upgrading is not None:
            self._upgrading.cancel()
        super().connection_lost(exc)

    def _uncount(self) -> None:
        if self._is_counted:
            self._is_counted = False
            self._door.give_up(self._limited_ip)

    def shutdown(self) -> None:
        if self._upgrading is not None:
            self._upgrading.cancel()
        super().shutdown()

    # -- the head's bounds ---------------------------------------------------------------------

    def _start_deadline(self) -> None:
        """One total deadline: a byte a second does not extend it (catalogue 7)."""
        if self._deadline is None:
            self._deadline = self.loop.call_later(
                self._door.head_limits.deadline_s, self._head_overdue
            )

    def _stop_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _head_overdue(self) -> None:
        self._deadline = None
        if self._upgrading is not None:
            self._upgrading.cancel()
        self._refuse(HandshakeRefused(408, "timeout", "the handshake took too long"))

    def data_received(self, data: bytes) -> None:
        if self._upgrading is not None:  # reading is paused, yet a read may be under way
            self._early += data
            return
        if self._refusal is not None:
            return
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if self._is_upgrade:
                self._early = data[upgrade.args[0] :]
                self.handle_websocket_upgrade()
        except httptools.HttpParserError:
            self._refuse(
                self._refusal or HandshakeRefused(400, "malformed", "not a valid HTTP request")
            )
        else:
            if self._is_stream:
                self._begin_hand_over(self._stream())
            elif self._is_in_head:
                self._go_on_with_head(len(data))
            elif self.cycle is not None and self.cycle.response_complete:
                # Blank lines, or a body nobody waits for: uvicorn has stopped its keep-alive
                # timer for them, and would hold the connection for ever.
                self._start_deadline()

    def _go_on_with_head(self, size: int) -> None:
        """The head is not complete yet: bound its time, and what the parser keeps of it."""
        self._start_deadline()
        self._head_bytes += size
        if self._head_bytes > self._door.head_limits.bytes:
            self._refuse(_too_large())

    def on_message_begin(self) -> None:
        if self._is_stream:
            raise HandshakeRefused(400, "malformed", "a request behind an event stream's")
        super().on_message_begin()
        self._is_in_head = True
        self._counted_bytes = 0

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self._count_head(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        self._count_head(len(name) + len(value) + 4)

    def _count_head(self, size: int) -> None:
        limits = self._door.head_limits
        self._counted_bytes += size
        if self._counted_bytes > limits.bytes or len(self.headers) > limits.headers:
            self._refusal = _too_large()
            raise self._refusal

    def on_headers_complete(self) -> None:
        self._is_in_head = False
        self._head_bytes = 0
        self._is_upgrade = self.parser.should_upgrade() and self._should_upgrade()
        if self._is_upgrade:
            self.scope["method"] = self.parser.get_method().decode("ascii")
            self.scope["http_version"] = self.parser.get_http_version()
            return
        if self._asks_for_stream():
            self._is_stream = True
            self.scope["method"] = "GET"
            self.scope["http_version"] = self.parser.get_http_version()
            return
        self._stop_deadline()
        self._uncount()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if self._is_stream:
            raise HandshakeRefused(400, "malformed", "a body in a GET")
        super().on_body(body)

    def on_message_complete(self) -> None:
        if not (self._is_stream or self._is_upgrade):
            super().on_message_complete()

    # -- upgrade -------------------------------------------------------------------------------

    def _should_upgrade(self) -> bool:
        return any(
            name == b"upgrade" and b"websocket" in value.lower() for name, value in self.headers
        )

    def handle_websocket_upgrade(self) -> None:
        request = self._request()
        if self.cycle is not None and not self.cycle.response_complete:
            refusal = HandshakeRefused(400, "malformed", "an upgrade behind an open request")
            self._refuse(refusal, request)
            return
        self.transport.pause_reading()  # its connection reads in another way
        self._uncount()  # ``admit`` counts it again, by the client's own address
        try:
            admitted = self._door.admit_at_once(request)
        except HandshakeRefused as refusal:
            self._refuse(refusal, request)
            return
        if admitted is not None:
            self._hand_over(admitted)
            return
        self._begin_hand_over(self._upgrade(request))

    def _begin_hand_over(self, work: Coroutine[Any, Any, None]) -> None:
        """Check whoever asks, and read nothing meanwhile."""
        self.transport.pause_reading()
        self._start_deadline()
        self._upgrading = self.loop.create_task(work)

    async def _upgrade(self, request: Request) -> None:
        try:
            admitted = await self._door.admit(request)
        except HandshakeRefused as refusal:
            self._refuse(refusal, request)
            return
        if self.transport.is_closing():
            self._door.release(admitted)
            return
        self._hand_over(admitted)

    # -- event streams -------------------------------------------------------------------------

    def _asks_for_stream(self) -> bool:
        """Whether this is the ``GET`` of one; other methods are the application's to answer."""
        streams = self._door.streams
        is_ours = streams is not None and self.url.partition(b"?")[0] == streams.path.encode()
        return is_ours and self.parser.get_method() == b"GET"

    async def _stream(self) -> None:
        streams, request = self._door.streams, self._request()
        assert streams is not None
        self._uncount()
        try:
            listener = await streams.admit(request)
        except HandshakeRefused as refusal:
            self._refuse(refusal, request, streams.refusal(request, refusal))
            return
        if self.transport.is_closing():
            streams.release(listener)
            return
        transport, early = self._let_go()
        streams.open(listener, transport, early)

    # -- leaving -------------------------------------------------------------------------------

    def _request(self) -> Request:
        target = self.url.decode("latin-1")
        path, _, query = self.url.partition(b"?")
        scheme: Scheme = "https" if self.scheme == "https" else "http"
        return Request(
            method=self.scope["method"],
            http_version=self.scope["http_version"],
            target=target,
            path=unquote(path.decode("latin-1")),
            query=query,
            headers=self.headers,
            peer_ip=self._peer_ip,
            scheme=scheme,
        )

    def _hand_over(self, admitted: Admitted) -> None:
        transport, early = self._let_go()
        self._door.open(admitted, transport, early)

    def _let_go(self) -> tuple[asyncio.Transport, bytes]:
        """Leave the transport to our connection, and nothing of ourselves behind."""
        self._stop_deadline()
        self.connections.discard(self)
        transport, early = self.transport, self._early
        self._forget()
        if not self.has_socket_options:
            _set_notsent_lowat(transport)
        return transport, early

    def _forget(self) -> None:
        """Free the parser and the request: 10 KiB a connection if uvicorn's protocol lingers."""
        self.parser = None  # type: ignore[assignment]
        self.scope = None  # type: ignore[assignment]
        self.headers = []
        self.flow = None  # type: ignore[assignment]
        self._upgrading = None
        self._early = b""

    def _refuse(
        self, refusal: HandshakeRefused, request: Request | None = None, response: bytes = b""
    ) -> None:
        self._refusal = refusal
        self._door.refused(refusal, self._peer_ip, None if request is None else request.path)
        self._stop_deadline()
        if not self.transport.is_closing():
            self.transport.write(response or refusal_response(refusal))
            self.transport.close()


def _too_large() -> HandshakeRefused:
    return HandshakeRefused(431, "too_large", "the request's head is too large")


def _set_notsent_lowat(transport: asyncio.Transport) -> None:
    sock = transport.get_extra_info("socket")
    if sock is not None:
        set_notsent_lowat(sock)


class ProtocolOnOwnSocket(TidewireProtocol):
    """The same behind ``listen_tcp``, where accepted sockets have their listener's options."""

    has_socket_options = ACCEPTED_INHERIT


class PrivateProtocol(ProtocolOnOwnSocket):
    """For the API's own port: it serves HTTP, and is no way in for clients."""

    def handle_websocket_upgrade(self) -> None:
        self._refuse(HandshakeRefused(404, "not_found", "no WebSocket at this port"))

    def _asks_for_stream(self) -> bool:
        return False
