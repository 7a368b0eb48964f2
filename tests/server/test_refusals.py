"""A refused peer reads a status and nothing else; whoever asks is told why."""

from __future__ import annotations

from tidewire.errors import HandshakeRefused
from tidewire.server.refusals import explanation, refusal_response

REFUSAL = HandshakeRefused(
    429, "too_many_connections", "user ada has 20", retry_after_s=4.2,
    headers=(("retry-after", "5"), ("x-more", "1")),
)  # fmt: skip


def test_a_refusal_is_a_whole_response_that_says_nothing_of_why() -> None:
    head, _, body = refusal_response(REFUSAL).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 429 Too Many Requests\r\n")
    assert f"Content-Length: {len(body)}".encode() in head
    assert b"Connection: close" in head
    assert b"ada" not in head + body


def test_when_to_come_back_is_said_once_and_rounded_up() -> None:
    head = refusal_response(REFUSAL).decode().lower()
    assert head.count("retry-after: 5\r\n") == 1
    assert "x-more: 1\r\n" in head


def test_an_explanation_is_a_code_and_when_to_come_back() -> None:
    assert explanation(REFUSAL) == {"code": "too_many_connections", "retryAfter": 4.2}
    assert explanation(HandshakeRefused(404, "not_found", "")) == {"code": "not_found"}
