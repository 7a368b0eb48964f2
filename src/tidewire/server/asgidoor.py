"""The front door for WebSockets of another ASGI server: our checks, its handshake.

That server has read the upgrade and will answer it; what we decide before is the
same as at our own door. A refusal goes out as the HTTP response it would be with us
where the server can send one, and otherwise as its 403.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import msgspec

from tidewire.errors import HandshakeRefused
from tidewire.security.credentials import choose_subprotocol
from tidewire.security.ids import new_client_id
from tidewire.security.proxies import ClientAddress
from tidewire.security.user import User
from tidewire.server.asgi import AsgiConnection, AsgiReceive, AsgiSend, Cutter, Message
from tidewire.server.door import FrontDoor, Request
from tidewire.server.refusals import explanation, response_headers
from tidewire.server.shared import Shared
from tidewire.session import Session

logger = logging.getLogger("tidewire.door")

RESPONSE = "websocket.http.response"
"""The ASGI extension by which a handshake is refused with a response of our own."""


class AsgiDoor:
    """Admits and serves one WebSocket after the other, each in its server's own task."""

    def __init__(self, door: FrontDoor, shared: Shared) -> None:
        self._door = door
        self._shared = shared
        self._cutter = Cutter()

    async def serve(self, scope: Message, receive: AsgiReceive, send: AsgiSend) -> None:
        """From ``websocket.connect`` to the end of the connection."""
        await receive()
        request = _request(scope)
        try:
            user, address = await self._admit(request)
        except HandshakeRefused as refusal:
            self._door.refused(refusal, request.peer_ip, request.path)
            await _refuse(scope, send, refusal)
            return
        subprotocol = choose_subprotocol(scope["subprotocols"])
        connection = AsgiConnection(
            self._shared,
            Session(new_client_id(), user, self._shared.limits.session),
            self._door.wires.choose(subprotocol),
            self._cutter,
            limited_ip=address.limited_ip,
            receive=receive,
            send=send,
        )
        try:
            await send({"type": "websocket.accept", "subprotocol": subprotocol})
        except BaseException:  # gone before it was let in
            self._door.leave(user, address.limited_ip)
            raise
        facts = {"user": user.id, "client": connection.session.client_id, "ip": address.ip}
        logger.info("connected", extra=facts)
        await connection.serve()

    async def _admit(self, request: Request) -> tuple[User, ClientAddress]:
        """The same checks as at our own door. Raises ``HandshakeRefused``."""
        self._door.check_open(request.path)
        handshake, address = self._door.read(request)
        return await self._door.enter(handshake, address), address


def _request(scope: Message) -> Request:
    """The handshake as the front door reads one; its path is what the mount left of it."""
    path: str = scope["path"].removeprefix(scope.get("root_path", "")) or "/"
    return Request(
        method="GET",
        http_version=scope.get("http_version", "1.1"),
        target=path,
        path=path,
        query=scope.get("query_string", b""),
        headers=_headers(scope),
        peer_ip=scope["client"][0] if scope.get("client") else "",
        scheme="https" if scope.get("scheme") == "wss" else "http",
    )


def _headers(scope: Message) -> Sequence[tuple[bytes, bytes]]:
    return [(bytes(name), bytes(value)) for name, value in scope["headers"]]


async def _refuse(scope: Message, send: AsgiSend, refusal: HandshakeRefused) -> None:
    extensions: dict[str, Any] = scope.get("extensions") or {}
    if RESPONSE not in extensions:
        await send({"type": "websocket.close", "code": 1008, "reason": refusal.code})
        return
    headers = [("content-type", "application/json"), *response_headers(refusal)]
    await send(
        {
            "type": f"{RESPONSE}.start",
            "status": refusal.status,
            "headers": [(name.encode(), value.encode()) for name, value in headers],
        }
    )
    body = msgspec.json.encode(explanation(refusal))
    await send({"type": f"{RESPONSE}.body", "body": body})
