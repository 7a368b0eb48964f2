"""Wires: a dialect in WebSocket frames, plain or compressed.

One wire serves every connection that speaks the same way, so that a message is
encoded, framed and compressed once and its bytes are shared.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from tidewire.dialects.base import Dialect
from tidewire.hub import Item
from tidewire.messages import Event, Publication
from tidewire.websocket.deflate import (
    MAX_WINDOW_BITS,
    MIN_WINDOW_BITS,
    Agreement,
    compressed_frame,
)
from tidewire.websocket.frames import Opcode, frame, text_frame

_ONLY_PUBLICATIONS = {Publication}
"""The types in nearly every batch, which then needs no look at each item."""


class PlainWire:
    """Frames as they are: text or binary, as the dialect is."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self.is_binary = dialect.is_binary
        self.decode = dialect.decode
        self._frame_of = self.binary if dialect.is_binary else self.text

    def frames(self, items: Sequence[Item]) -> list[bytes]:
        frame_of, publications = self._frame_of, self._dialect.publications
        if {*map(type, items)} == _ONLY_PUBLICATIONS:
            return [frame_of(payload) for payload in publications(items)]  # type: ignore[arg-type]
        return [self._frame(item) for item in items]

    def _frame(self, item: Item) -> bytes:
        if isinstance(item, Publication):
            return self._frame_of(next(self._dialect.publications([item])))
        return self.event(item)

    def event(self, event: Event) -> bytes:
        return self._frame_of(self._dialect.event(event))

    text = staticmethod(text_frame)
    """``payload``, which is UTF-8, as a frame."""

    def binary(self, payload: bytes) -> bytes:
        return frame(Opcode.BINARY, payload)


class DeflateWire(PlainWire):
    """permessage-deflate without context takeover: the same bytes serve every connection."""

    def __init__(self, dialect: Dialect, window_bits: int, min_bytes: int) -> None:
        super().__init__(dialect)
        self._window_bits = window_bits
        self._min_bytes = min_bytes  # below it compressing costs more than it saves

    def text(self, payload: bytes) -> bytes:
        if len(payload) < self._min_bytes:
            return text_frame(payload)
        return compressed_frame(Opcode.TEXT, payload, self._window_bits)

    def binary(self, payload: bytes) -> bytes:
        if len(payload) < self._min_bytes:
            return frame(Opcode.BINARY, payload)
        return compressed_frame(Opcode.BINARY, payload, self._window_bits)


class Deflating(Struct, frozen=True):
    """How messages are compressed for clients that agree to it."""

    window_bits: int = MAX_WINDOW_BITS
    min_bytes: int = 0


class Wires:
    """Every way a connection may speak: each dialect, plain and in each size of window.

    The first of ``dialects`` is for who asks for none. ``deflating`` None: nothing is compressed.
    """

    def __init__(self, dialects: Sequence[Dialect], deflating: Deflating | None) -> None:
        self.can_deflate = deflating is not None
        self._usual = dialects[0].name
        self._plain = {each.name: PlainWire(each) for each in dialects}
        self._deflating = {} if deflating is None else _in_each_size(dialects, deflating)

    def choose(self, subprotocol: str | None, agreement: Agreement | None = None) -> PlainWire:
        """The wire for what was negotiated."""
        name = subprotocol or self._usual
        if agreement is None:
            return self._plain[name]
        return self._deflating[name, agreement.server_max_window_bits]


def _in_each_size(
    dialects: Sequence[Dialect], deflating: Deflating
) -> dict[tuple[str, int], DeflateWire]:
    """A peer's window is what it agreed to; ours is never larger than configured."""
    sizes = range(MIN_WINDOW_BITS, MAX_WINDOW_BITS + 1)
    return {
        (each.name, bits): DeflateWire(each, min(bits, deflating.window_bits), deflating.min_bytes)
        for each in dialects
        for bits in sizes
    }
