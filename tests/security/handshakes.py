"""Handshakes as a test wants them: everything ordinary but what is named."""

from __future__ import annotations

from tidewire.security.handshake import Handshake, read_handshake
from tidewire.security.proxies import Scheme

HOST = "chat.example.com"


def request(
    *headers: tuple[str, str],
    query: bytes = b"",
    host: str | None = HOST,
    origin: str | None = None,
    scheme: Scheme = "https",
) -> Handshake:
    """A request for ``/ws`` with these ``headers`` beside Host and Origin."""
    named = [("Host", host), ("Origin", origin)]
    present = [(name, value) for name, value in named if value is not None]
    raw = [(name.encode(), value.encode("latin-1")) for name, value in (*present, *headers)]
    return read_handshake("/ws", query, raw, client_ip="192.0.2.1", scheme=scheme)
