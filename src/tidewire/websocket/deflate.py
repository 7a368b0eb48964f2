"""permessage-deflate (RFC 7692): negotiation, a bounded inflater, and shared compressed frames.

Off unless configured. Compressing a secret together with text an attacker chose
lets the sizes betray the secret (CRIME), so a message is never compressed in the
context of another: that is also what lets one compressed frame serve a whole fan-out.

Memory per connection: none between messages where the peer keeps no context either
(what our server asks for), else one inflate window, 2 ** window bits and about 7 KiB:
39 KiB at most. Deflating keeps nothing.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence

from msgspec import Struct

from tidewire.errors import ProtocolViolated
from tidewire.websocket.close_codes import INVALID_DATA, TOO_LARGE
from tidewire.websocket.frames import frame
from tidewire.websocket.headers import Extension

NAME = "permessage-deflate"
MAX_WINDOW_BITS = 15
MIN_WINDOW_BITS = 9
"""The RFC knows 8 as well, but zlib cannot deflate raw data with so small a window."""

_TAIL = b"\x00\x00\xff\xff"
"""What every sync flush ends with: left out on the wire (RFC 7692 section 7.2.1)."""
_LEVEL = 6
"""zlib's own default: 9 takes up to four times as long on JSON and saves a tenth of a percent."""
_MEMORY_LEVEL = 8


class Agreement(Struct, frozen=True, gc=False):
    """What both sides agreed on. The defaults are the RFC's, for a parameter left out."""

    server_no_context_takeover: bool = False
    client_no_context_takeover: bool = False
    server_max_window_bits: int = MAX_WINDOW_BITS
    client_max_window_bits: int = MAX_WINDOW_BITS

    def header(self) -> str:
        """The agreement as a value of ``Sec-WebSocket-Extensions``."""
        parts = [NAME]
        parts += ["server_no_context_takeover"] * self.server_no_context_takeover
        parts += ["client_no_context_takeover"] * self.client_no_context_takeover
        if self.server_max_window_bits != MAX_WINDOW_BITS:
            parts.append(f"server_max_window_bits={self.server_max_window_bits}")
        if self.client_max_window_bits != MAX_WINDOW_BITS:
            parts.append(f"client_max_window_bits={self.client_max_window_bits}")
        return "; ".join(parts)


OFFER = f"{NAME}; server_no_context_takeover; client_no_context_takeover; client_max_window_bits"
"""What our client offers: no context on either side."""


def negotiate(offers: Iterable[Extension]) -> Agreement | None:
    """Server: the first acceptable offer, or None. A wrong offer is declined, not fatal."""
    for offer in offers:
        if offer.name == NAME and (agreed := _accept(offer)) is not None:
            return agreed
    return None


def _accept(offer: Extension) -> Agreement | None:
    parameters = _parameters(offer, is_offer=True)
    if parameters is None:
        return None
    return Agreement(
        server_no_context_takeover=True,
        client_no_context_takeover=True,  # may be told unasked: RFC 7692 section 7.1.1.2
        server_max_window_bits=parameters.get("server_max_window_bits", MAX_WINDOW_BITS),
    )


def check_agreement(accepted: Sequence[Extension]) -> Agreement | None:
    """Client: what the server made of ``OFFER``. Raises ValueError for anything not offered."""
    if not accepted:
        return None
    parameters = None
    if len(accepted) == 1 and accepted[0].name == NAME:
        parameters = _parameters(accepted[0], is_offer=False)
    if parameters is None or "server_no_context_takeover" not in parameters:
        raise ValueError("the server accepted an extension that was not offered")
    return Agreement(
        server_no_context_takeover=True,
        client_no_context_takeover=True,
        server_max_window_bits=parameters.get("server_max_window_bits", MAX_WINDOW_BITS),
        client_max_window_bits=parameters.get("client_max_window_bits", MAX_WINDOW_BITS),
    )


def _parameters(extension: Extension, *, is_offer: bool) -> dict[str, int] | None:
    """Its parameters, or None if one is unknown, repeated or malformed (RFC 7692 section 7)."""
    parameters: dict[str, int] = {}
    for name, value in extension.parameters:
        number = _parameter(name, value, is_offer=is_offer)
        if number is None or name in parameters:
            return None
        parameters[name] = number
    return parameters


_FLAGS = frozenset({"server_no_context_takeover", "client_no_context_takeover"})
_BITS = {str(bits): bits for bits in range(8, MAX_WINDOW_BITS + 1)}
"""Window sizes by their only spelling: "09" and "+9" are malformed."""


def _parameter(name: str, value: str | None, *, is_offer: bool) -> int | None:
    if name in _FLAGS:
        return 1 if value is None else None
    if name == "client_max_window_bits" and value is None and is_offer:
        return MAX_WINDOW_BITS
    if name not in ("server_max_window_bits", "client_max_window_bits"):
        return None
    bits = _BITS.get(value or "")
    is_ours = name.startswith("server") if is_offer else name.startswith("client")
    return None if bits is None or (is_ours and bits < MIN_WINDOW_BITS) else bits


def deflate(payload: bytes, window_bits: int = MAX_WINDOW_BITS) -> bytes:
    """``payload`` compressed in a context of its own, without the sync flush's tail."""
    compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, -window_bits, _MEMORY_LEVEL)
    compressed = compressor.compress(payload) + compressor.flush(zlib.Z_SYNC_FLUSH)
    return compressed.removesuffix(_TAIL)


def compressed_frame(opcode: int, payload: bytes, window_bits: int = MAX_WINDOW_BITS) -> bytes:
    """A whole compressed message from a server: equal arguments give equal bytes.

    So a fan-out makes it once per window size; a frame made for fewer window bits
    is valid for every connection that agreed on more.
    """
    return frame(opcode, deflate(payload, window_bits), compressed=True)


class Inflater:
    """Inflates one peer's messages, and stops at a bound instead of at the bomb's end.

    ``keeps_context`` is the peer's context takeover: with it the window lives
    as long as the connection, without it as long as one message.
    """

    __slots__ = ("_keeps_context", "_window_bits", "_zlib")

    def __init__(self, window_bits: int = MAX_WINDOW_BITS, *, keeps_context: bool = False) -> None:
        self._window_bits = max(window_bits, MIN_WINDOW_BITS)
        self._keeps_context = keeps_context
        self._zlib: zlib._Decompress | None = None

    def inflate(self, data: bytes, room: int) -> bytes:
        """The next piece of a message, at most ``room`` bytes. 1009 if there would be more."""
        if self._zlib is None:
            self._zlib = zlib.decompressobj(-self._window_bits)
        try:
            inflated = self._zlib.decompress(data, room + 1)
        except zlib.error as error:
            raise ProtocolViolated(INVALID_DATA.number, "message cannot be inflated") from error
        if len(inflated) > room:
            raise ProtocolViolated(TOO_LARGE.number, "message is too large once inflated")
        return inflated

    def finish(self, room: int) -> bytes:
        """What was still held back once a message's last piece is in; ends the message."""
        rest = self.inflate(_TAIL, room)
        if not self._keeps_context or (self._zlib is not None and self._zlib.eof):
            self._zlib = None
        return rest
