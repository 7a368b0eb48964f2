"""The two halves of an HTTP exchange that the API needs, straight on ASGI.

A framework's request, response and routing cost 60 us a call, as much as all
that a publish does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from tidewire.api.calls import MAX_BODY_BYTES
from tidewire.api.errors import ApiError
from tidewire.app import AsgiReceive, AsgiSend, Scope

BODY_S = 10.0
"""For the whole body, however it comes: 4 MiB at the speed of a bad phone line."""

JSON = (b"content-type", b"application/json")
NO_STORE = (b"cache-control", b"no-store")


class RequestLost(Exception):
    """The peer has gone while it was sending."""


def path_of(scope: Scope) -> str:
    """The path behind the prefix that a proxy has stripped, which servers put before it again."""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))


async def read_body(receive: AsgiReceive) -> bytes:
    """The request's body. Raises ``ApiError`` where it is too large or slow."""
    try:
        async with asyncio.timeout(BODY_S):
            return await _read(receive)
    except TimeoutError:
        raise ApiError("timeout", "the body did not come in time") from None


async def _read(receive: AsgiReceive) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise RequestLost
        part: bytes = message.get("body", b"")
        size += len(part)
        if size > MAX_BODY_BYTES:
            raise ApiError("too_large", f"a body is at most {MAX_BODY_BYTES} bytes")
        parts.append(part)
        if not message.get("more_body", False):
            return parts[0] if len(parts) == 1 else b"".join(parts)


async def respond(
    send: AsgiSend, status: int, body: bytes, extra: Iterable[tuple[bytes, bytes]] = ()
) -> None:
    """Send a JSON answer."""
    headers = [JSON, (b"content-length", str(len(body)).encode()), NO_STORE, *extra]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
