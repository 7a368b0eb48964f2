"""Only pages that were listed, or that this host served, may connect."""

from __future__ import annotations

import pytest

from tests.security.handshakes import HOST, request
from tidewire.errors import ConfigError, HandshakeRefused
from tidewire.security.origin import Origin, OriginPolicy, parse_origin
from tidewire.security.proxies import Scheme

LISTED = OriginPolicy(("https://app.example.com", "http://localhost:5173"), cookies=True)
SAME_HOST = OriginPolicy(cookies=True)


def _is_allowed(
    policy: OriginPolicy,
    origin: str | None,
    *,
    by_cookie: bool = False,
    host: str = HOST,
    scheme: Scheme = "https",
) -> bool:
    handshake = request(origin=origin, host=host, scheme=scheme)
    try:
        policy.check(handshake, by_cookie=by_cookie)
    except HandshakeRefused as refusal:
        if (refusal.status, refusal.code) != (403, "forbidden_origin"):
            raise
        return False
    return True


@pytest.mark.parametrize("by_cookie", [True, False])
def test_a_foreign_page_is_refused_with_and_without_cookies(by_cookie: bool) -> None:
    """Catalogue 9."""
    assert not _is_allowed(LISTED, "https://evil.example", by_cookie=by_cookie)
    assert not _is_allowed(SAME_HOST, "https://evil.example", by_cookie=by_cookie)


def test_the_null_origin_is_refused_unless_listed() -> None:
    """Catalogue 10."""
    assert not _is_allowed(LISTED, "null")
    assert not _is_allowed(SAME_HOST, "null")
    assert _is_allowed(OriginPolicy(("null",), cookies=False), "null")


def test_a_list_of_null_alone_does_not_fall_back_to_the_same_host() -> None:
    assert not _is_allowed(OriginPolicy(("null",), cookies=False), f"https://{HOST}")


@pytest.mark.parametrize(
    "origin",
    [
        "https://app.example.com.evil.com",
        "https://evilapp.example.com",
        "https://app.example.com@evil.example",
        "https://evil.example@app.example.com",
        "https://app.example.com:443@evil.example",
        "https://app.example.com/",
        "https://app.example.com/../evil",
        "https://app.example.com?x",
        "https://app.example.com#x",
        "https://app.example.com\\.evil.example",
        "https://app.example.com.",
        "https://app.example.com:8443",
        "https://app.example.com:0",
        "https://app.example.com:",
        "https://app.example.com:00000443",
        "https://app.example.com:65979",
        "https://app.example.com https://evil.example",
        "https://[app.example.com]",
        "https:app.example.com",
        "http://app.example.com",
        "wss://app.example.com",
        "//app.example.com",
        "app.example.com",
        "https://",
        "NULL",
        "*",
        "",
    ],
)
def test_tricks_with_prefix_suffix_user_or_port_are_refused(origin: str) -> None:
    """Catalogue 11."""
    assert not _is_allowed(LISTED, origin)


@pytest.mark.parametrize(
    "origin", ["https://app.example.com", "HTTPS://App.Example.COM", "https://app.example.com:443"]
)
def test_case_and_default_port_make_no_difference(origin: str) -> None:
    """Catalogue 12."""
    assert _is_allowed(LISTED, origin)
    assert _is_allowed(OriginPolicy((origin,), cookies=True), "https://app.example.com")


def test_an_international_name_is_listed_as_people_or_as_browsers_write_it() -> None:
    """Catalogue 12: normalised once, when configured."""
    for listed in ("https://bücher.example:8443", "https://xn--bcher-kva.example:8443"):
        policy = OriginPolicy((listed,), cookies=True)
        assert _is_allowed(policy, "https://xn--bcher-kva.example:8443")
        assert not _is_allowed(policy, "https://bucher.example:8443")


@pytest.mark.parametrize("listed", ["https://straße.example", "https://a..ü.example"])
def test_a_name_that_idna_versions_read_differently_must_be_punycode(listed: str) -> None:
    with pytest.raises(ConfigError, match="punycode"):
        OriginPolicy((listed,), cookies=False)


def test_without_an_origin_only_a_cookie_is_refused() -> None:
    """Catalogue 13: no browser page, so a token or ticket speaks for itself."""
    for policy in (LISTED, SAME_HOST):
        assert _is_allowed(policy, None, by_cookie=False)
        assert not _is_allowed(policy, None, by_cookie=True)


def test_a_star_lets_every_page_in_but_never_beside_cookies() -> None:
    assert _is_allowed(OriginPolicy(("*",), cookies=False), "https://any.example")
    with pytest.raises(ConfigError):
        OriginPolicy(("*",), cookies=True)


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("https://chat.example.com", "chat.example.com"),
        ("https://chat.example.com", "Chat.Example.com:443"),
        ("https://chat.example.com:8443", "chat.example.com:8443"),
        ("https://[2001:DB8:0::1]:8443", "[2001:db8::1]:8443"),
    ],
)
def test_an_empty_list_allows_the_pages_of_the_same_host(origin: str, host: str) -> None:
    assert _is_allowed(SAME_HOST, origin, host=host)


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("https://chat.example.com", "chat.example.com:8443"),
        ("https://chat.example.com:8443", "chat.example.com"),
        ("https://other.example.com", "chat.example.com"),
        ("chrome-extension://chat.example.com", "chat.example.com"),
        ("https://chat.example.com", "chat.example.com@evil"),
        ("https://[2001:db8::1", "[2001:db8::1"),
        ("https://chat.example.com", ""),
    ],
)
def test_an_empty_list_allows_no_other_host_port_or_kind_of_page(origin: str, host: str) -> None:
    """Catalogue 9 and 11."""
    assert not _is_allowed(SAME_HOST, origin, host=host)


def test_a_page_that_came_over_plain_http_is_not_one_of_the_https_site() -> None:
    assert not _is_allowed(SAME_HOST, f"http://{HOST}", scheme="https")
    assert _is_allowed(SAME_HOST, f"https://{HOST}", scheme="http")  # TLS ended at a silent proxy
    assert _is_allowed(SAME_HOST, "http://localhost:8080", host="localhost:8080", scheme="http")


@pytest.mark.parametrize("listed", ["app.example.com", "https://app.example.com/", "https://*.a.b"])
def test_an_entry_that_could_never_match_is_one_plain_sentence(listed: str) -> None:
    with pytest.raises(ConfigError, match="written like"):
        OriginPolicy((listed,), cookies=False)


def test_other_schemes_are_compared_without_a_default_port() -> None:
    assert parse_origin("chrome-extension://abcdef") == Origin("chrome-extension", "abcdef", None)
    assert _is_allowed(
        OriginPolicy(("capacitor://localhost",), cookies=False), "capacitor://localhost"
    )
