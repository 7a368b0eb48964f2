"""One unfinished message: put together from fragments, and from frames that arrive in pieces.

Exists only while a message is unfinished, so an idle connection pays nothing for it.
Checks each piece as it comes: text that is no longer UTF-8 (RFC 6455 section 8.1)
or a size above the limit ends the message at that byte, not at its end.
"""

from __future__ import annotations

import codecs

from msgspec import Struct

from tidewire.websocket.deflate import Inflater
from tidewire.websocket.events import not_utf8, too_large
from tidewire.websocket.frames import Opcode
from tidewire.websocket.heads import Head
from tidewire.websocket.masking import apply_mask, rotate

_Utf8Decoder = codecs.getincrementaldecoder("utf-8")

DEFLATE_OVERHEAD = 1024
"""How much larger than its message a compressed payload may be, plus one part in 1,024.

zlib adds 5 bytes per 16 KiB where nothing can be compressed; empty blocks of a
peer that flushes often take the rest.
"""


class ReceiveLimits(Struct, frozen=True, gc=False):
    """How much of one message is taken in. One object, shared by all connections."""

    max_message_bytes: int = 64 * 1024
    """OWASP's advice for WebSockets: what needs more belongs into an HTTP upload."""
    max_fragments: int = 128
    """64 KiB in network packets is 45; far more only costs us time per byte."""


class UnfinishedMessage:
    """What has come of one message, and how much of its current frame is still to come.

    Holds one growing buffer and no list of pieces: a peer that sends a byte at a
    time must not cost more than one that sends a message at once.
    """

    __slots__ = (
        "_buffer",
        "_fragments",
        "_inflater",
        "_limits",
        "_mask",
        "_utf8",
        "_wire_room",
        "is_last_frame",
        "left",
    )

    def __init__(self, opcode: int, limits: ReceiveLimits, inflater: Inflater | None) -> None:
        self._buffer = bytearray()
        self._limits = limits
        self._inflater = inflater
        self._utf8 = _Utf8Decoder() if opcode == Opcode.TEXT else None
        self._fragments = 0
        self._wire_room = limits.max_message_bytes
        if inflater is not None:
            self._wire_room += (limits.max_message_bytes >> 10) + DEFLATE_OVERHEAD
        self._mask = b""
        self.left = 0
        self.is_last_frame = False

    def begin_frame(self, head: Head) -> None:
        """The next fragment's head. What it announces is checked, and nothing is allocated."""
        self._fragments += 1
        self._wire_room -= head.length
        if self._wire_room < 0 or self._fragments > self._limits.max_fragments:
            raise too_large()
        self.left = head.length
        self.is_last_frame = head.is_final
        self._mask = head.mask

    def add(self, piece: bytes) -> None:
        """The next bytes of the current frame, as they came."""
        self.left -= len(piece)
        if self._mask:
            piece, self._mask = apply_mask(piece, self._mask), rotate(self._mask, len(piece))
        if self._inflater is not None:
            piece = self._inflater.inflate(piece, self._room())
        self._keep(piece)

    def finish(self) -> str | bytes:
        """The whole message, once its last frame is complete."""
        if self._inflater is not None:
            self._keep(self._inflater.finish(self._room()))
        if self._utf8 is None:
            return bytes(self._buffer)
        try:
            return self._buffer.decode()
        except UnicodeDecodeError:  # it ends within a character
            raise not_utf8() from None

    def _room(self) -> int:
        return self._limits.max_message_bytes - len(self._buffer)

    def _keep(self, piece: bytes) -> None:
        """Text is decoded twice, here to find its first wrong byte: 4 us per 64 KiB of ASCII."""
        if self._utf8 is not None:
            try:
                self._utf8.decode(piece)
            except UnicodeDecodeError:
                raise not_utf8() from None
        self._buffer += piece
