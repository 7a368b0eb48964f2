"""The opening handshake as a client (RFC 6455 section 4.1): the request, and the answer checked.

No I/O, and no random number drawn: the key comes from sixteen bytes passed in.
"""

from __future__ import annotations

import base64

from msgspec import Struct

from tidewire.errors import HandshakeRefused
from tidewire.websocket.deflate import OFFER, Agreement, check_agreement
from tidewire.websocket.handshake import VERSION, accept_key
from tidewire.websocket.headers import (
    Headers,
    checked_token,
    elements,
    extensions,
    fields_of,
    values_of,
)
from tidewire.websocket.heads import violation

HEAD_END = b"\r\n\r\n"
MAX_RESPONSE_HEAD_BYTES = 16 * 1024
"""What we accept of a request's head, we accept of a response's. The reader enforces it."""


class Request(Struct, frozen=True, gc=False):
    """What a client asks for; ``headers`` are further ones, such as Authorization."""

    host: str
    target: str
    key: str
    subprotocols: tuple[str, ...] = ()
    compression: bool = False
    headers: tuple[tuple[str, str], ...] = ()


class Response(Struct, frozen=True, gc=False):
    """A response's status line and headers, up to the empty line."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]


class Opened(Struct, frozen=True, gc=False):
    """What the server agreed to."""

    subprotocol: str | None
    compression: Agreement | None


def key_from(random_bytes: bytes) -> str:
    """``Sec-WebSocket-Key`` from sixteen random bytes, new for every connection."""
    if len(random_bytes) != 16:
        raise ValueError("a key is made from 16 bytes")
    return base64.b64encode(random_bytes).decode()


def request_head(request: Request) -> bytes:
    """The bytes that ask for a WebSocket.

    Raises ValueError where a value would not stay on its own line.
    """
    if any(mark in request.target for mark in " \r\n\t"):
        raise ValueError("request target has a space in it")
    lines = [
        ("Host", request.host),
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Key", request.key),
        ("Sec-WebSocket-Version", VERSION),
        *request.headers,
    ]
    if request.subprotocols:
        offered = ", ".join(map(checked_token, request.subprotocols))
        lines.append(("Sec-WebSocket-Protocol", offered))
    if request.compression:
        lines.append(("Sec-WebSocket-Extensions", OFFER))
    head = [f"GET {request.target} HTTP/1.1", *(_line(*line) for line in lines), "", ""]
    return "\r\n".join(head).encode("ascii")


def _line(name: str, value: str) -> str:
    if any(mark in value for mark in "\r\n\0"):
        raise ValueError(f"header {name} has a line break in it")
    return f"{checked_token(name)}: {value}"


def read_response(head: bytes) -> Response:
    """A response's head, given up to and including its empty line."""
    status_line, *lines = head.removesuffix(HEAD_END).split(b"\r\n")
    version, _, rest = status_line.partition(b" ")
    status = rest[:3]
    if version != b"HTTP/1.1" or len(status) != 3 or not status.isdigit():
        raise violation("the server does not speak HTTP/1.1")
    return Response(int(status), tuple(_header(line) for line in lines))


def _header(line: bytes) -> tuple[bytes, bytes]:
    name, colon, value = line.partition(b":")
    if not colon or not name or name != name.strip():
        raise violation("malformed header in the server's answer")
    return name, value.strip(b" \t")


def check_response(response: Response, request: Request) -> Opened:
    """What was agreed. Raises HandshakeRefused for another status than 101, and
    ProtocolViolated for a 101 that breaks the rules (RFC 6455 section 4.1).
    """
    if response.status != 101:
        raise _refusal(response)
    try:
        return _check_switch(response.headers, request)
    except ValueError as error:
        raise violation(f"handshake: {error}") from error


def _refusal(response: Response) -> HandshakeRefused:
    retry_after = [value for name, value in response.headers if name.lower() == b"retry-after"]
    seconds = float(retry_after[0]) if retry_after and retry_after[0].isdigit() else None
    return HandshakeRefused(
        response.status,
        "unavailable" if response.status >= 500 else "forbidden",
        f"the server answered {response.status}",
        retry_after_s=seconds,
    )


def _check_switch(headers: Headers, request: Request) -> Opened:
    fields = fields_of(headers)
    if [value.lower() for value in values_of(fields, b"upgrade")] != ["websocket"]:
        raise ValueError("no upgrade to websocket")
    if "upgrade" not in (name.lower() for name in elements(values_of(fields, b"connection"))):
        raise ValueError("connection header without upgrade")
    if values_of(fields, b"sec-websocket-accept") != [accept_key(request.key)]:
        raise ValueError("answer to another request")
    chosen = values_of(fields, b"sec-websocket-protocol")
    if len(chosen) > 1 or any(name not in request.subprotocols for name in chosen):
        raise ValueError("subprotocol was not offered")
    accepted = extensions(values_of(fields, b"sec-websocket-extensions"))
    if accepted and not request.compression:
        raise ValueError("extension was not offered")
    return Opened(chosen[0] if chosen else None, check_agreement(accepted))
