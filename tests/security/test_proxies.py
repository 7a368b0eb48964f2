"""Who is calling: the socket's peer, or what trusted proxies say, and nothing else."""

from __future__ import annotations

import pytest

from tidewire.errors import ConfigError
from tidewire.security.proxies import MAX_HOPS, ClientAddress, TrustedProxies

PROXY, INNER_PROXY, CLIENT = "10.0.0.1", "10.0.0.2", "203.0.113.7"

proxies = TrustedProxies(["10.0.0.0/8", "fd00::/8"])


def test_a_stranger_cannot_choose_its_address_or_scheme() -> None:
    """Catalogue 28: X-Forwarded-* from a peer that is not trusted is not read."""
    assert proxies.client_address("198.51.100.1", ["127.0.0.1"], "https") == ClientAddress(
        "198.51.100.1", None, is_proxy=False
    )


def test_nobody_is_trusted_unless_configured() -> None:
    """Catalogue 28."""
    assert TrustedProxies().client_address("127.0.0.1", [CLIENT]).ip == "127.0.0.1"


@pytest.mark.parametrize(
    "written",
    [
        [CLIENT],
        [f"127.0.0.1, {CLIENT}"],
        [f"127.0.0.1,{CLIENT}, {INNER_PROXY}"],
        ["127.0.0.1", CLIENT],
        [f"not an address, {CLIENT}"],
        [f"{CLIENT}:4711"],
        [f"::ffff:{CLIENT}"],
    ],
)
def test_the_client_is_the_rightmost_address_that_is_no_proxy(written: list[str]) -> None:
    """Catalogue 28: what the client itself wrote, further left, counts for nothing."""
    address = proxies.client_address(PROXY, written, "https")
    assert address == ClientAddress(CLIENT, "https", is_proxy=False)
    assert address.limited_ip == CLIENT


def test_an_ipv6_client_is_found_in_brackets_and_without() -> None:
    for written in ("2001:db8::5", "[2001:db8::5]", "[2001:db8::5]:4711"):
        assert proxies.client_address("fd00::1", [written]).ip == "2001:db8::5"


@pytest.mark.parametrize(
    "written", [[], [""], ["unknown"], ["_hidden"], [f"{CLIENT}, "], ["10.0.0.9"]]
)
def test_a_proxy_that_names_no_client_is_never_counted_by_its_own_address(
    written: list[str],
) -> None:
    """Catalogue 28: else everybody behind it would share one limit."""
    address = proxies.client_address(PROXY, written)
    assert address.is_proxy
    assert address.limited_ip is None


def test_an_endless_chain_of_proxies_is_followed_only_so_far() -> None:
    chain = ", ".join([CLIENT, *[INNER_PROXY] * MAX_HOPS])
    assert proxies.client_address(PROXY, [chain]) == ClientAddress(INNER_PROXY, None, is_proxy=True)


@pytest.mark.parametrize(
    ("proto", "scheme"),
    [
        ("https", "https"), ("HTTP", "http"), ("wss", "https"), ("https, http", "http"),
        ("gopher", None), ("", None), (None, None),
    ],
)  # fmt: skip
def test_the_scheme_is_what_the_nearest_proxy_said(proto: str | None, scheme: str | None) -> None:
    assert proxies.client_address(PROXY, [CLIENT], proto).scheme == scheme


def test_a_unix_socket_is_trusted_when_listed() -> None:
    listed = TrustedProxies(["unix"])
    assert listed.client_address("", [CLIENT], "https") == ClientAddress(CLIENT, "https", False)
    assert proxies.client_address("", [CLIENT]) == ClientAddress("", None, is_proxy=True)


def test_a_network_that_is_none_is_one_plain_sentence() -> None:
    with pytest.raises(ConfigError, match="such as 10"):
        TrustedProxies(["10.0.0.0/99"])
