"""The front door for event streams: from a parsed ``GET`` to a connection of the hub.

The checks are an upgrade's, and one more: each channel must be open to whoever
asks, or the whole stream is refused. An ``EventSource`` gives up for good on
anything but 200, so one that may come back later is told so in a stream that
ends at once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Protocol

import msgspec
from msgspec import Struct

from tidewire.channels.options import Action
from tidewire.dialects.eventstream import MEDIA_TYPE, block, retry
from tidewire.errors import CommandRefused, HandshakeRefused
from tidewire.messages import Place, Position, Subscribe
from tidewire.node.peer import Peer
from tidewire.security.handshake import Handshake
from tidewire.security.ids import new_client_id
from tidewire.server.crossorigin import CrossOrigin
from tidewire.server.door import FrontDoor, Request
from tidewire.server.listening import set_user_timeout
from tidewire.server.queries import read_channels, read_places, with_ticket
from tidewire.server.refusals import explanation, http_head, response_headers
from tidewire.server.shared import Shared
from tidewire.server.stream import Stream
from tidewire.server.streamwires import StreamWires
from tidewire.server.visitor import Visitor
from tidewire.session import Session

logger = logging.getLogger("tidewire.door")

HEADERS = (
    ("content-type", MEDIA_TYPE),
    ("cache-control", "no-cache, no-transform"),
    ("x-accel-buffering", "no"),  # nginx would keep events back until a buffer is full
    ("connection", "close"),
)


class Audience(Protocol):
    """What the node does for those who only listen."""

    async def may(self, peer: Peer, action: Action, channel: str) -> object:
        """Raises ``CommandRefused``."""
        ...

    def attend(self, peer: Peer, command: Subscribe) -> None:
        """Tell a newcomer ``connected``, then the answers to its one command."""


class Listener(Struct):
    """A stream that may begin: who listens, where it stands, and the response's head."""

    session: Session
    places: Mapping[str, Position | None]
    client_ip: str
    limited_ip: str | None
    head: bytes


class StreamDoor:
    """Admits event streams, and starts them."""

    def __init__(
        self,
        door: FrontDoor,
        audience: Audience,
        wires: StreamWires,
        shared: Shared,
        *,
        cross_origin: CrossOrigin,
        path: str,
    ) -> None:
        self.path = path
        self._door = door
        self._audience = audience
        self._wires = wires
        self._shared = shared
        self._cross_origin = cross_origin

    # -- checks --------------------------------------------------------------------------------

    async def admit(self, request: Request) -> Listener:
        """Everything that must be true before the 200. Raises ``HandshakeRefused``.

        The caller owes ``open`` once this has returned, or ``release``.
        """
        self._door.check_running()
        handshake, address = self._door.read(request)
        channels = read_channels(request.query)
        user = await self._door.enter(with_ticket(handshake), address)
        session = Session(new_client_id(), user, self._shared.limits.session)
        try:
            await self._check(session, channels)
        except BaseException:
            self._door.leave(user, address.limited_ip)
            raise
        return Listener(
            session,
            read_places(channels, _last_event_id(handshake)),
            address.ip,
            address.limited_ip,
            http_head(200, [*HEADERS, *self._cross_origin.headers(handshake)]),
        )

    async def _check(self, session: Session, channels: tuple[str, ...]) -> None:
        visitor = Visitor(session)
        try:
            for channel in channels:
                await self._audience.may(visitor, "subscribe", channel)
        except CommandRefused as refusal:
            status = 403 if refusal.code == "forbidden" else 503
            raise HandshakeRefused(
                status, refusal.code, str(refusal), retry_after_s=refusal.retry_after_s
            ) from None

    def release(self, listener: Listener) -> None:
        """What was admitted never began."""
        self._door.leave(listener.session.user, listener.limited_ip)

    def refusal(self, request: Request, refusal: HandshakeRefused) -> bytes:
        """The response to whoever is not let in."""
        headers = response_headers(refusal) + self._readable(request)
        if refusal.retry_after_s is not None and _is_event_source(request):
            return http_head(200, [*HEADERS, *headers]) + _later(refusal, refusal.retry_after_s)
        body = msgspec.json.encode(explanation(refusal))
        size = ("content-length", str(len(body)))
        kind = ("content-type", "application/json")
        return http_head(refusal.status, [kind, size, ("connection", "close"), *headers]) + body

    def _readable(self, request: Request) -> list[tuple[str, str]]:
        """Why it was refused is no secret, and a page of a foreign origin needs to know it too."""
        origins = [value.decode("latin-1") for name, value in request.headers if name == b"origin"]
        return [("access-control-allow-origin", "*")] if origins else []

    # -- hand-over -----------------------------------------------------------------------------

    def open(self, listener: Listener, transport: asyncio.Transport, early: bytes) -> None:
        """Make ``transport`` a stream; ``early`` bytes came behind the request."""
        stream = Stream(
            self._shared,
            listener.session,
            self._wires,
            self._wires.begin(listener.places),
            limited_ip=listener.limited_ip,
            attend=lambda stream: self._audience.attend(stream, _asked(listener.places)),
        )
        if logger.isEnabledFor(logging.INFO):
            session = listener.session
            facts = {"user": session.user.id, "client": session.client_id}
            logger.info("streaming", extra={**facts, "ip": listener.client_ip})
        sock = transport.get_extra_info("socket")
        if sock is not None:
            set_user_timeout(sock, self._shared.limits.heartbeat_timeout_s)
        stream.start(transport, listener.head, early)


def _asked(places: Mapping[str, Position | None]) -> Subscribe:
    return Subscribe(channels=[Place(channel, since) for channel, since in places.items()])


def _last_event_id(handshake: Handshake) -> str:
    """What a browser sends by itself is newer than what its page once put into the address."""
    return handshake.header("last-event-id") or handshake.query.get("since", "")


def _is_event_source(request: Request) -> bool:
    return any(
        name == b"accept" and MEDIA_TYPE.encode() in value for name, value in request.headers
    )


def _later(refusal: HandshakeRefused, wait_s: float) -> bytes:
    said = {"type": "error", **explanation(refusal)}
    return retry(wait_s) + block(msgspec.json.encode(said), event="refused")
