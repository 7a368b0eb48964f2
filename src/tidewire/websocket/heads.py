"""Reading a frame's head (RFC 6455 section 5.2), strictly.

Looks at one head alone: whether its frame may come here, in this message, is the
receiver's question. Nothing is believed about a length but its number.
"""

from __future__ import annotations

from typing import NamedTuple

from tidewire.errors import ProtocolViolated
from tidewire.websocket.close_codes import PROTOCOL_ERROR
from tidewire.websocket.frames import FIN, LENGTH_16, MASKED, MAX_CONTROL_BYTES, RSV1, Opcode

_RSV23 = 0x30
_CONTROL = 0x8
_KNOWN_OPCODES = frozenset(Opcode)


class Head(NamedTuple):
    """One frame's head: ``payload_at`` is where its payload begins, ``mask`` empty if unmasked."""

    opcode: int
    is_final: bool
    is_compressed: bool
    length: int
    mask: bytes
    payload_at: int

    @property
    def is_control(self) -> bool:
        return self.opcode >= _CONTROL


def violation(message: str) -> ProtocolViolated:
    """A breach of RFC 6455 that has no code of its own."""
    return ProtocolViolated(PROTOCOL_ERROR.number, message)


def read_head(data: bytes, at: int, *, masked: bool) -> Head | None:
    """The head at ``at``, or None while it is incomplete. ``masked`` is what the role demands.

    A violation is raised from the first two bytes if they show it: a peer that is
    wrong already is not waited for.
    """
    if len(data) < at + 2:
        return None
    first, second = data[at], data[at + 1]
    _check(first, second, masked=masked)
    short = second & ~MASKED
    width = 0 if short < LENGTH_16 else 2 if short == LENGTH_16 else 8
    mask_at = at + 2 + width
    payload_at = mask_at + (4 if masked else 0)
    if len(data) < payload_at:
        return None
    length = _extended_length(data[at + 2 : mask_at]) if width else short
    mask = data[mask_at:payload_at]
    return Head(first & 0x0F, first >= FIN, first & RSV1 != 0, length, mask, payload_at)


def _check(first: int, second: int, *, masked: bool) -> None:
    opcode = first & 0x0F
    if first & _RSV23:
        raise violation("reserved bit set")
    if opcode not in _KNOWN_OPCODES:
        raise violation(f"unknown opcode {opcode}")
    if (second >= MASKED) is not masked:
        raise violation("frame is not masked" if masked else "frame is masked")
    if opcode >= _CONTROL:
        _check_control(first, second & ~MASKED)


def _check_control(first: int, short_length: int) -> None:
    if first < FIN:
        raise violation("control frame is fragmented")
    if short_length > MAX_CONTROL_BYTES:
        raise violation("control frame is too long")
    if first & RSV1:
        raise violation("control frame is compressed")


def _extended_length(digits: bytes) -> int:
    length = int.from_bytes(digits, "big")
    if length >> 63:
        raise violation("length has its top bit set")
    if length < (LENGTH_16 if len(digits) == 2 else 1 << 16):
        raise violation("length is not in its shortest form")
    return length
