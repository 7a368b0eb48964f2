"""Wires: a dialect in WebSocket frames, plain or compressed.

One wire serves every connection that speaks the same way, so that a message is
encoded, framed and compressed once and its bytes are shared.
"""

from __future__ import annotations

from collections.abc import Sequence

from tidewire.dialects.base import Dialect
from tidewire.hub import Item
from tidewire.messages import Event, Publication
from tidewire.websocket.deflate import compressed_frame
from tidewire.websocket.frames import Opcode, frame, text_frame

_ONLY_PUBLICATIONS = {Publication}
"""The types in nearly every batch, which then needs no look at each item."""


class PlainWire:
    """Text frames as they are."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self.decode = dialect.decode

    def frames(self, items: Sequence[Item]) -> list[bytes]:
        text, publications = self.text, self._dialect.publications
        if {*map(type, items)} == _ONLY_PUBLICATIONS:
            return [text(payload) for payload in publications(items)]  # type: ignore[arg-type]
        return [self._frame(item) for item in items]

    def _frame(self, item: Item) -> bytes:
        if isinstance(item, Publication):
            return self.text(next(self._dialect.publications([item])))
        return self.event(item)

    def event(self, event: Event) -> bytes:
        return self.text(self._dialect.event(event))

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
