"""A client asks so that any server understands, and believes no answer it did not ask for."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tidewire.errors import HandshakeRefused, ProtocolViolated
from tidewire.websocket.client_handshake import (
    Opened,
    Request,
    check_response,
    key_from,
    read_response,
    request_head,
)
from tidewire.websocket.deflate import negotiate
from tidewire.websocket.handshake import Upgrade, read_upgrade, switching_protocols

KEY = key_from(b"the sample nonce")


@dataclass
class Asked:
    """A client's request as the server reads it."""

    request: Request

    def upgrade(self) -> Upgrade:
        line, *lines = request_head(self.request).removesuffix(b"\r\n\r\n").split(b"\r\n")
        method, target, version = line.decode().split(" ")
        headers = [(name, value.strip()) for name, _, value in (x.partition(b":") for x in lines)]
        return read_upgrade(method, version.removeprefix("HTTP/"), headers, target)


def request(**more: object) -> Request:
    return Request(host="chat.example", target="/ws?x=1", key=KEY, **more)  # type: ignore[arg-type]


def opened(answer: bytes, asked: Request) -> Opened:
    return check_response(read_response(answer), asked)


def test_our_client_and_our_server_agree() -> None:
    asked = request(subprotocols=("tidewire.v1", "x"), compression=True)
    upgrade = Asked(asked).upgrade()
    agreement = negotiate(upgrade.extensions)
    assert agreement is not None
    answer = switching_protocols(upgrade, "tidewire.v1", agreement.header())
    assert opened(answer, asked) == Opened("tidewire.v1", agreement)


def test_a_server_that_agrees_to_nothing_is_still_open() -> None:
    asked = request(subprotocols=("tidewire.v1",), compression=True)
    assert opened(switching_protocols(Asked(asked).upgrade()), asked) == Opened(None, None)


def test_further_headers_are_sent_as_given() -> None:
    upgrade = Asked(request(headers=(("Origin", "https://a.example"),))).upgrade()
    assert upgrade.origin == "https://a.example"


@pytest.mark.parametrize(
    "broken",
    [
        request(headers=(("X", "a\r\nEvil: b"),)),
        request(headers=(("X: y\r\nEvil", "b"),)),
        request(subprotocols=("a b",)),
        Request(host="a", target="/ HTTP/1.1\r\nEvil: b", key=KEY),
    ],
)
def test_a_value_that_would_leave_its_line_is_not_sent(broken: Request) -> None:
    with pytest.raises(ValueError, match=r"line break|malformed token|space"):
        request_head(broken)


def answer_to(asked: Request) -> bytes:
    return switching_protocols(Asked(asked).upgrade())


BROKEN = {
    "another protocol": (b"Upgrade: websocket", b"Upgrade: h2c"),
    "no connection": (b"Connection: Upgrade", b"Connection: close"),
    "another key": (b"Accept: ", b"Accept: x"),
    "two proofs": (b"\r\n\r\n", b"\r\nSec-WebSocket-Accept: x\r\n\r\n"),
    "a subprotocol not offered": (b"\r\n\r\n", b"\r\nSec-WebSocket-Protocol: b\r\n\r\n"),
    "compression not offered": (
        b"\r\n\r\n",
        b"\r\nSec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover\r\n\r\n",
    ),
    "a header without a colon": (b"\r\n\r\n", b"\r\nnonsense\r\n\r\n"),
    "a folded header": (b"\r\n\r\n", b"\r\n folded: x\r\n\r\n"),
    "another protocol version": (b"HTTP/1.1 101", b"HTTP/1.0 101"),
    "no status": (b"HTTP/1.1 101", b"HTTP/1.1 ok!"),
}


@pytest.mark.parametrize(("old", "new"), BROKEN.values(), ids=BROKEN)
def test_an_answer_that_breaks_a_rule_is_not_believed(old: bytes, new: bytes) -> None:
    asked = request(subprotocols=("a",))
    with pytest.raises(ProtocolViolated):
        opened(answer_to(asked).replace(old, new), asked)


@pytest.mark.parametrize(
    ("status", "code"), [(403, "forbidden"), (429, "forbidden"), (503, "unavailable")]
)
def test_a_refusal_is_told_with_its_status_and_when_to_retry(status: int, code: str) -> None:
    answer = b"HTTP/1.1 %d No\r\nRetry-After: 7\r\n\r\n" % status
    with pytest.raises(HandshakeRefused) as caught:
        opened(answer, request())
    refused = caught.value
    assert (refused.status, refused.code, refused.retry_after_s) == (status, code, 7.0)


def test_a_key_is_made_from_sixteen_bytes() -> None:
    assert key_from(bytes(16)) == "AAAAAAAAAAAAAAAAAAAAAA=="
    with pytest.raises(ValueError, match="16 bytes"):
        key_from(bytes(15))
