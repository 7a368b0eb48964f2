"""Refusing an upgrade: an HTTP error before the 101, with a generic body.

The status is what the peer deserves to know; why in detail is for our log, and
for a plain GET of the same URL (``explain``), since a browser sees a refused
upgrade only as close code 1006.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from tidewire.errors import HandshakeRefused


def refusal_response(refusal: HandshakeRefused) -> bytes:
    """The whole HTTP response; the connection is closed after it."""
    body = f"{HTTPStatus(refusal.status).phrase}\n"
    headers = [
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Length", str(len(body))),
        ("Connection", "close"),
        *response_headers(refusal),
    ]
    return http_head(refusal.status, headers) + body.encode("ascii")


def http_head(status: int, headers: Iterable[tuple[str, str]]) -> bytes:
    """A response up to its body. Header values are ours, or were a header of the request."""
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def response_headers(refusal: HandshakeRefused) -> list[tuple[str, str]]:
    """Headers that go with a refusal, each once."""
    headers = dict(refusal.headers)
    if refusal.retry_after_s is not None:
        headers["retry-after"] = str(math.ceil(refusal.retry_after_s))
    return list(headers.items())


def explanation(refusal: HandshakeRefused) -> dict[str, Any]:
    """What a plain GET answers."""
    answer: dict[str, Any] = {"code": refusal.code}
    if refusal.retry_after_s is not None:
        answer["retryAfter"] = refusal.retry_after_s
    return answer
