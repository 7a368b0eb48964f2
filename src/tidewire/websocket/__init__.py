"""WebSocket (RFC 6455) and permessage-deflate (RFC 7692), both roles, without any I/O.

Bytes go in and messages come out, or the other way round. Opens no socket,
reads no clock, draws no random number: a mask or a handshake key is passed in.

Reading: ``Receiver`` (built on ``heads`` and ``assembly``) returns ``events``. Writing: ``frames``.
Opening: ``handshake`` (server) and ``client_handshake``, with ``headers`` for the
list syntax both share. Closing: ``close_codes``, the only table of close codes.
Compression: ``deflate``.
"""

from tidewire.websocket.close_codes import CloseCode, ComeBack
from tidewire.websocket.events import Close, Event, Ping, Pong
from tidewire.websocket.frames import Opcode, close_frame, frame, masked_frame, text_frame
from tidewire.websocket.receiver import ReceiveLimits, Receiver, Role

__all__ = [
    "Close",
    "CloseCode",
    "ComeBack",
    "Event",
    "Opcode",
    "Ping",
    "Pong",
    "ReceiveLimits",
    "Receiver",
    "Role",
    "close_frame",
    "frame",
    "masked_frame",
    "text_frame",
]
