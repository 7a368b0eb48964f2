"""A handshake is read strictly, within bounds, and never prints a secret."""

from __future__ import annotations

import pytest

from tests.security.handshakes import request
from tidewire.errors import HandshakeRefused
from tidewire.security.handshake import MAX_COOKIES, MAX_QUERY_FIELDS, MAX_SUBPROTOCOLS

SECRET = "s3cret-s3cret"


def _refused(*headers: tuple[str, str], query: bytes = b"") -> None:
    with pytest.raises(HandshakeRefused) as caught:
        request(*headers, query=query)
    assert caught.value.status == 400


def test_headers_are_found_in_any_case_and_all_values_are_kept() -> None:
    handshake = request(("X-Role", "admin "), ("x-role", "guest"))
    assert handshake.header("X-ROLE") == "admin"
    assert handshake.headers["x-role"] == ("admin", "guest")
    assert handshake.header("x-absent") is None


def test_query_and_cookies_are_parsed_and_the_first_value_counts() -> None:
    handshake = request(
        ("Cookie", 'sid="a b"; sid=late; odd; x=1=2'), query=b"room=a%20b&room=c&e="
    )
    assert handshake.query == {"room": "a b", "e": ""}
    assert handshake.cookies == {"sid": "a b", "x": "1=2"}


def test_two_cookie_headers_are_one_list_as_http2_proxies_send_it() -> None:
    assert request(("Cookie", "a=1"), ("Cookie", "b=2")).cookies == {"a": "1", "b": "2"}


def test_subprotocols_come_in_the_order_offered_over_all_headers() -> None:
    name = "Sec-WebSocket-Protocol"
    handshake = request((name, "tidewire.v1, chat"), (name, "other"))
    assert handshake.subprotocols == ("tidewire.v1", "chat", "other")


@pytest.mark.parametrize("value", ["caf\xe9", "a b", "a,,b", "", "tidewire.v1;x", "a\x00b", '"a"'])
def test_a_subprotocol_that_is_no_token_is_a_bad_request(value: str) -> None:
    """Catalogue 15."""
    _refused(("Sec-WebSocket-Protocol", value))


@pytest.mark.parametrize("piece", [",", "a,", " ", "\t,", "a b"])
def test_a_hostile_subprotocol_list_is_refused_without_being_searched(piece: str) -> None:
    """Catalogue 14: it is split at most so often, whatever its length."""
    _refused(("Sec-WebSocket-Protocol", "a" + piece * 100_000 + "\x00"))


def test_an_extension_or_header_named_like_a_builtin_is_plain_data() -> None:
    """Catalogue 16."""
    handshake = request(("Sec-WebSocket-Extensions", "constructor"), ("__proto__", "x"))
    assert handshake.header("sec-websocket-extensions") == "constructor"
    assert handshake.header("__class__") is None


@pytest.mark.parametrize("name", ["Origin", "Host"])
def test_two_headers_that_decide_who_comes_in_are_a_bad_request(name: str) -> None:
    """Catalogue 12: even if both say the same."""
    _refused((name, "https://a.example"), (name, "https://a.example"))


def test_an_origin_that_is_not_ascii_is_a_bad_request() -> None:
    """Catalogue 12: browsers send punycode."""
    _refused(("Origin", "https://b\xfccher.example"))


def test_more_than_a_client_needs_is_a_bad_request() -> None:
    _refused(("Cookie", "a=1; " * (MAX_COOKIES + 1)))
    _refused(("Sec-WebSocket-Protocol", ",".join(["a"] * (MAX_SUBPROTOCOLS + 1))))
    _refused(query=b"&".join([b"a=1"] * (MAX_QUERY_FIELDS + 1)))


def test_nothing_secret_is_in_the_text_of_a_handshake() -> None:
    """Catalogue 18."""
    handshake = request(
        ("Authorization", f"Bearer {SECRET}"),
        ("Cookie", f"sid={SECRET}"),
        ("Sec-WebSocket-Protocol", f"bearer.{SECRET}"),
        query=f"token={SECRET}".encode(),
    )
    assert SECRET not in f"{handshake!r} {handshake} {[handshake]}"
    assert "/ws" in repr(handshake)
