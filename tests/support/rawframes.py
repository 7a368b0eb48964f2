"""WebSocket frames a second time, written from RFC 6455 section 5.2 and from nothing of ours.

Tests speak to the server through this file, so that a mistake shared by the
server's reader and writer cannot cancel itself out. It makes invalid frames as
willingly as valid ones.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import cycle

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA

MASK = b"\x37\xfa\x21\x3d"
"""The masking key of the RFC's own example; any four bytes do."""


@dataclass(frozen=True)
class Frame:
    """One frame as it came; ``rsv`` holds the three reserved bits, RSV1 highest."""

    opcode: int
    payload: bytes
    fin: bool = True
    rsv: int = 0


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    rsv: int = 0,
    mask: bytes = MASK,
    length: bytes | None = None,
) -> bytes:
    """Bytes of a frame. ``mask=b""`` leaves it unmasked.

    ``length`` replaces the length field: its first byte (without the mask bit)
    and any extended length, however wrong.
    """
    field = _length(len(payload)) if length is None else length
    first = (0x80 if fin else 0) | rsv << 4 | opcode
    second = field[0] | (0x80 if mask else 0)
    return bytes((first, second)) + field[1:] + mask + _masked(payload, mask)


def text(message: str) -> bytes:
    return frame(TEXT, message.encode())


def close(code: int, reason: bytes = b"") -> bytes:
    return frame(CLOSE, struct.pack("!H", code) + reason)


def _length(size: int) -> bytes:
    if size < 126:
        return bytes((size,))
    return struct.pack("!BH", 126, size) if size < 65_536 else struct.pack("!BQ", 127, size)


def _masked(payload: bytes, mask: bytes) -> bytes:
    if not mask or not payload:
        return payload
    if len(payload) < 1024:
        return bytes(byte ^ key for byte, key in zip(payload, cycle(mask), strict=False))
    keys = (mask * (len(payload) // 4 + 1))[: len(payload)]
    return (int.from_bytes(payload) ^ int.from_bytes(keys)).to_bytes(len(payload))


def take_frame(buffer: bytearray) -> Frame | None:
    """Remove the first frame from ``buffer``, or None while it is incomplete.

    Holds a server to section 5.1 (it must not mask) and to the shortest length.
    """
    if len(buffer) < 2:
        return None
    first, second = buffer[0], buffer[1]
    assert second < 0x80, "a server must not mask"
    width = {126: 2, 127: 8}.get(second, 0)
    start = 2 + width
    if len(buffer) < start:
        return None
    size = int.from_bytes(buffer[2:start]) if width else second
    assert _length(size)[0] == second, "a length must take its shortest form"
    if len(buffer) < start + size:
        return None
    payload = bytes(buffer[start : start + size])
    del buffer[: start + size]
    return Frame(first & 0x0F, payload, fin=first >= 0x80, rsv=first >> 4 & 0b111)
