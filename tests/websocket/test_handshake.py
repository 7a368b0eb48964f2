"""A server upgrades what asks for it properly, and refuses the rest before the 101."""

from __future__ import annotations

from contextlib import suppress

import pytest

from tidewire.errors import HandshakeRefused
from tidewire.websocket.handshake import Upgrade, accept_key, read_upgrade, switching_protocols
from tidewire.websocket.headers import Extension

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
"""The key of RFC 6455 section 1.3."""

ASKED = {
    "Host": "chat.example:8080",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": KEY,
    "Sec-WebSocket-Version": "13",
}


def asked(*more: tuple[str, str], **changed: str | None) -> list[tuple[bytes, bytes]]:
    """A good request's headers, with some changed, removed (None) or added."""
    named = {name.replace("_", "-").lower(): value for name, value in changed.items()}
    kept = [(name, named.get(name.lower(), value)) for name, value in ASKED.items()]
    lines = [(name, value) for name, value in kept if value is not None]
    return [(name.encode(), value.encode()) for name, value in [*lines, *more]]


def read(*more: tuple[str, str], **changed: str | None) -> Upgrade:
    return read_upgrade("GET", "1.1", asked(*more, **changed))


def refusal(*more: tuple[str, str], **changed: str | None) -> HandshakeRefused:
    with pytest.raises(HandshakeRefused) as caught:
        read(*more, **changed)
    return caught.value


def test_a_proper_request_is_read() -> None:
    upgrade = read(
        ("Origin", "https://chat.example"),
        ("Sec-WebSocket-Protocol", "bearer.a.b-c_d, tidewire.v1"),
        ("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits"),
    )
    assert upgrade == Upgrade(
        key=KEY,
        host="chat.example:8080",
        origin="https://chat.example",
        subprotocols=("bearer.a.b-c_d", "tidewire.v1"),
        extensions=(Extension("permessage-deflate", (("client_max_window_bits", None),)),),
    )


def test_only_get_over_http_11_can_be_upgraded() -> None:
    for method, version, status in (("POST", "1.1", 405), ("GET", "1.0", 400), ("GET", "2", 400)):
        with pytest.raises(HandshakeRefused) as caught:
            read_upgrade(method, version, asked())
        assert caught.value.status == status


@pytest.mark.parametrize("key", [None, "", "short", KEY[:-4], KEY[:-2], KEY + KEY, "*" * 24])
def test_a_request_without_one_valid_key_is_refused(key: str | None) -> None:
    """Catalogue 1."""
    assert refusal(sec_websocket_key=key).status == 400


@pytest.mark.parametrize(
    "name", ["Sec-WebSocket-Key", "Sec-WebSocket-Version", "Host", "Origin", "ORIGIN"]
)
def test_a_header_that_must_be_single_is_refused_twice(name: str) -> None:
    """Catalogue 1, 4 and 12."""
    value = ASKED.get(name, "https://chat.example")
    assert refusal((name, value), (name.lower(), value)).status == 400


@pytest.mark.parametrize("version", [None, "", "12", "8", "013", "13, 8", "x"])
def test_another_version_is_told_which_one_we_speak(version: str | None) -> None:
    """Catalogue 2."""
    refused = refusal(sec_websocket_version=version)
    assert refused.status == 426
    assert ("Sec-WebSocket-Version", "13") in refused.headers


@pytest.mark.parametrize(
    "connection", ["Upgrade", "upgrade", "keep-alive, Upgrade", "UPGRADE,keep-alive", ",, upgrade"]
)
def test_connection_may_be_a_list_in_any_case_and_order(connection: str) -> None:
    """Catalogue 3."""
    assert read(connection=connection).key == KEY


def test_connection_may_be_spread_over_several_lines() -> None:
    """Catalogue 3."""
    assert read(("connection", "Upgrade"), connection="keep-alive", upgrade="WebSocket").key == KEY


def test_upgrade_may_name_further_protocols_with_versions() -> None:
    assert read(upgrade="HTTP/2.0, websocket").key == KEY


@pytest.mark.parametrize("origin", ["https://é.example", "https://a.example\udcff"])
def test_an_origin_that_is_not_ascii_is_refused(origin: str) -> None:
    """Catalogue 12."""
    raw = (b"Origin", origin.encode("utf-8", "surrogateescape"))
    with pytest.raises(HandshakeRefused, match="malformed origin"):
        read_upgrade("GET", "1.1", [*asked(), raw])


@pytest.mark.parametrize("connection", [None, "", "close", "upgrades", "up grade", '"Upgrade"'])
def test_a_connection_without_upgrade_is_refused(connection: str | None) -> None:
    assert refusal(connection=connection).status == 400


@pytest.mark.parametrize("upgrade", [None, "", "h2c", "websockets", "web socket"])
def test_an_upgrade_to_something_else_is_refused(upgrade: str | None) -> None:
    assert refusal(upgrade=upgrade).status == 400


@pytest.mark.parametrize(
    "host", [None, "", "a b", "user@chat.example", "a/b", "a,b", "a:b", ":80", "[::1", "a?b", "[x]"]
)
def test_a_missing_or_malformed_host_is_refused(host: str | None) -> None:
    """Catalogue 4."""
    assert refusal(host=host).status == 400


@pytest.mark.parametrize("host", ["chat.example", "127.0.0.1:1", "[::1]:8080", "xn--e1afmkfd.test"])
def test_a_name_or_an_address_is_a_host(host: str) -> None:
    assert read(host=host).host == host


@pytest.mark.parametrize("target", ["http://chat.example/ws", "*", "chat.example:80", ""])
def test_a_target_that_is_no_path_is_refused(target: str) -> None:
    """Catalogue 4."""
    with pytest.raises(HandshakeRefused, match="not a path"):
        read_upgrade("GET", "1.1", asked(), target)


@pytest.mark.parametrize("name", ["Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions"])
@pytest.mark.parametrize("value", ["a b", "é", "a\x00", '"', "a;;", "(x)"])
def test_a_malformed_list_is_refused(name: str, value: str) -> None:
    """Catalogue 15."""
    assert refusal((name, value)).status == 400


def test_a_subprotocol_offered_twice_is_refused() -> None:
    assert refusal(("Sec-WebSocket-Protocol", "a, b, a")).status == 400


@pytest.mark.parametrize("unit", [" ", ",", "a,", "a;", 'a;b="', "a; b=1;", '\\"', "\t, "])
def test_a_hostile_list_takes_one_pass(unit: str) -> None:
    """Catalogue 14: reading that went back would not end."""
    for name in ("Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions", "Connection"):
        with suppress(HandshakeRefused):
            assert read((name, unit * (100_000 // len(unit)))).key == KEY


@pytest.mark.parametrize(
    "body", [("Content-Length", "5"), ("Transfer-Encoding", "chunked"), ("content-length", "00")]
)
def test_a_request_with_a_body_is_refused(body: tuple[str, str]) -> None:
    """Catalogue 26."""
    assert refusal(body).status == 400


def test_a_refusal_says_nothing_of_the_value_it_refused() -> None:
    """Catalogue 18: a subprotocol may hold a token."""
    assert "secret" not in str(refusal(("Sec-WebSocket-Protocol", "bearer.secret é")))


# --- the answer -------------------------------------------------------------------------------


def test_the_answer_proves_that_the_key_was_read() -> None:
    """RFC 6455 section 1.3."""
    assert accept_key(KEY) == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    assert switching_protocols(read()) == (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
    )


def test_the_answer_names_what_was_agreed_on() -> None:
    upgrade = read(("Sec-WebSocket-Protocol", "a, b"))
    head = switching_protocols(upgrade, "b", "permessage-deflate")
    assert b"\r\nSec-WebSocket-Protocol: b\r\n" in head
    assert b"\r\nSec-WebSocket-Extensions: permessage-deflate\r\n" in head


def test_a_subprotocol_that_was_not_offered_is_never_selected() -> None:
    """Catalogue 17."""
    with pytest.raises(ValueError, match="not offered"):
        switching_protocols(read(("Sec-WebSocket-Protocol", "a")), "b")
