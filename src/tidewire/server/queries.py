"""What a plain HTTP request asks for in its query: channels, from where, and by whose leave.

A query names things that anybody may see in a log; the one credential it may
hold is a ticket, which is good for one request (catalogue 18).
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl

import msgspec

from tidewire.channels.names import is_name
from tidewire.dialects.eventstream import read_id
from tidewire.messages import Position
from tidewire.security.credentials import TICKET_PREFIX
from tidewire.security.handshake import MAX_QUERY_FIELDS, Handshake
from tidewire.security.refusals import bad_request

MAX_CHANNELS = 32
"""On one stream, or in one poll: every id names a place in each, some 30 bytes."""


def read_channels(query: bytes) -> tuple[str, ...]:
    """The ``channel`` fields, in their order, each once. Raises ``HandshakeRefused`` (400)."""
    try:
        fields = parse_qsl(query.decode("latin-1"), max_num_fields=MAX_QUERY_FIELDS)
    except ValueError:
        raise bad_request("too many fields in the query") from None
    channels = tuple(dict.fromkeys(value for name, value in fields if name == "channel"))
    if not 0 < len(channels) <= MAX_CHANNELS:
        raise bad_request(f"name 1 to {MAX_CHANNELS} channels: ?channel=...&channel=...")
    if not all(map(is_name, channels)):
        raise bad_request("that is no channel name")
    return channels


def read_places(channels: tuple[str, ...], text: str) -> Mapping[str, Position | None]:
    """Where a client says it stands, by channel."""
    return dict(zip(channels, read_id(text, len(channels)), strict=True))


def with_ticket(handshake: Handshake) -> Handshake:
    """An ``EventSource`` can set no header: its ticket comes in the query, where it is read as
    the subprotocol that a WebSocket would bring."""
    ticket = handshake.query.get("ticket")
    if ticket is None:
        return handshake
    offered = (*handshake.subprotocols, TICKET_PREFIX + ticket)
    return msgspec.structs.replace(handshake, subprotocols=offered)
