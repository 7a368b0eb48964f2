"""What a receiver returns: messages as plain ``str`` and ``bytes``, control frames as types."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from tidewire.errors import ProtocolViolated
from tidewire.websocket.close_codes import INVALID_DATA, TOO_LARGE, is_sendable
from tidewire.websocket.heads import violation


class Ping(Struct, frozen=True, gc=False):
    """To be answered with a Pong carrying the same payload."""

    payload: bytes


class Pong(Struct, frozen=True, gc=False):
    """An answer to a Ping, or an unasked sign of life."""

    payload: bytes


class Close(Struct, frozen=True, gc=False):
    """The peer is done: whatever it sends after this is ignored. ``code`` None: it gave none."""

    code: int | None
    reason: str


Event: TypeAlias = str | bytes | Ping | Pong | Close
"""A text message, a binary message, or a control frame."""


def too_large() -> ProtocolViolated:
    return ProtocolViolated(TOO_LARGE.number, TOO_LARGE.reason)


def not_utf8() -> ProtocolViolated:
    return ProtocolViolated(INVALID_DATA.number, INVALID_DATA.reason)


def read_close(payload: bytes) -> Close:
    """RFC 6455 section 5.5.1: empty, or a code that may be sent and a reason in UTF-8."""
    if not payload:
        return Close(None, "")
    code = int.from_bytes(payload[:2], "big")
    if len(payload) < 2 or not is_sendable(code):
        raise violation("malformed close")
    try:
        return Close(code, payload[2:].decode())
    except UnicodeDecodeError:
        raise not_utf8() from None
