"""The opening handshake as a server (RFC 6455 section 4.2): checks and the 101, no I/O.

Takes a parsed request and says what it asks for, or refuses it; whether that Origin
or user may come in is for ``security``. Every check is one pass over its header.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable
from typing import TypeVar

from msgspec import Struct

from tidewire.errors import HandshakeRefused
from tidewire.websocket.headers import (
    Extension,
    Fields,
    Headers,
    elements,
    extensions,
    fields_of,
    tokens,
    values_of,
)

VERSION = "13"
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 section 1.3
_KEY_BYTES = 16
_HOST = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z._~!$&'()*+;=%-]+)(?::[0-9]*)?")
"""A host and perhaps a port (RFC 9110 section 7.2): no user, path or space, never empty."""

T = TypeVar("T")


class Upgrade(Struct, frozen=True, gc=False):
    """A well-formed request for a WebSocket. Nothing in it is trusted yet."""

    key: str
    host: str
    origin: str | None
    subprotocols: tuple[str, ...]
    """In the client's order of preference. One of them may hold a token: never log them."""
    extensions: tuple[Extension, ...]


def read_upgrade(method: str, http_version: str, headers: Headers, target: str = "/") -> Upgrade:
    """What the request asks for. Raises HandshakeRefused with the status it deserves."""
    if method != "GET":
        raise HandshakeRefused(405, "malformed", "method is not GET", headers=(("Allow", "GET"),))
    if http_version != "1.1":
        raise _refused(f"HTTP/{http_version} cannot be upgraded")
    if not target.startswith("/"):
        raise _refused("request target is not a path")
    fields = fields_of(headers)
    _check_upgrade(fields)
    _check_version(fields)
    return Upgrade(
        key=_key(fields),
        host=_host(fields),
        origin=_at_most_one(fields, b"origin"),
        subprotocols=_subprotocols(fields),
        extensions=tuple(_parsed(fields, b"sec-websocket-extensions", extensions)),
    )


def _refused(message: str) -> HandshakeRefused:
    return HandshakeRefused(400, "malformed", message)


def _values(fields: Fields, name: bytes) -> list[str]:
    if name not in fields:  # most are not there
        return []
    try:
        return values_of(fields, name)
    except ValueError:
        raise _malformed(name) from None


def _parsed(fields: Fields, name: bytes, parse: Callable[[list[str]], list[T]]) -> list[T]:
    values = _values(fields, name)
    try:
        return parse(values) if values else []
    except ValueError:
        raise _malformed(name) from None


def _malformed(name: bytes) -> HandshakeRefused:
    return _refused(f"malformed {name.decode()} header")


def _check_upgrade(fields: Fields) -> None:
    """``Connection`` and ``Upgrade`` are lists, in any case and order, on any number of lines."""
    if not _lists(fields, b"upgrade", "websocket"):
        raise _refused("no upgrade to websocket")
    if not _lists(fields, b"connection", "upgrade"):
        raise _refused("connection header without upgrade")
    if _has_body(fields):  # its bytes would be taken for frames, or the frames for it
        raise _refused("request has a body")


def _has_body(fields: Fields) -> bool:
    lengths = _values(fields, b"content-length")
    return bool(_values(fields, b"transfer-encoding")) or any(x != "0" for x in lengths)


def _lists(fields: Fields, name: bytes, token: str) -> bool:
    return token in [found.lower() for found in elements(_values(fields, name))]


def _check_version(fields: Fields) -> None:
    if _at_most_one(fields, b"sec-websocket-version") != VERSION:
        raise HandshakeRefused(
            426,
            "malformed",
            "WebSocket version is not 13",
            headers=(("Upgrade", "websocket"), ("Sec-WebSocket-Version", VERSION)),
        )


def _at_most_one(fields: Fields, name: bytes) -> str | None:
    values = _values(fields, name)
    if len(values) > 1:
        raise _refused(f"more than one {name.decode()} header")
    return values[0] if values else None


def _key(fields: Fields) -> str:
    key = _at_most_one(fields, b"sec-websocket-key") or ""
    try:
        decoded = base64.b64decode(key, validate=True)
    except binascii.Error:
        raise _refused("key is not base64") from None
    if len(decoded) != _KEY_BYTES:
        raise _refused("key is not 16 bytes")
    return key


def _host(fields: Fields) -> str:
    host = _at_most_one(fields, b"host") or ""
    if not _HOST.fullmatch(host):
        raise _refused("no valid host header")
    return host


def _subprotocols(fields: Fields) -> tuple[str, ...]:
    offered = tuple(_parsed(fields, b"sec-websocket-protocol", tokens))
    if len(set(offered)) != len(offered):
        raise _refused("a subprotocol is offered twice")
    return offered


def accept_key(key: str) -> str:
    """``Sec-WebSocket-Accept`` for ``key``: proof that this answers a WebSocket request."""
    digest = hashlib.sha1(key.encode() + _GUID, usedforsecurity=False).digest()
    return base64.b64encode(digest).decode()


def switching_protocols(
    upgrade: Upgrade, subprotocol: str | None = None, extensions: str | None = None
) -> bytes:
    """The 101 and its headers. ``extensions`` is what was agreed, as ``Agreement.header`` says it.

    Raises ValueError for a subprotocol the client did not offer: it would have to fail.
    """
    if subprotocol is not None and subprotocol not in upgrade.subprotocols:
        raise ValueError("subprotocol was not offered")
    lines = [
        "HTTP/1.1 101 Switching Protocols",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Accept: {accept_key(upgrade.key)}",
    ]
    if subprotocol is not None:
        lines.append(f"Sec-WebSocket-Protocol: {subprotocol}")
    if extensions is not None:
        lines.append(f"Sec-WebSocket-Extensions: {extensions}")
    return "\r\n".join([*lines, "", ""]).encode("ascii")
