"""Who is really calling, when a proxy stands in between (catalogue 28).

X-Forwarded-* is believed only from a trusted peer, and only as far as trusted
proxies wrote it: from the right, up to the first address that is not ours.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import islice
from typing import Literal, TypeAlias

from msgspec import Struct

from tidewire.errors import ConfigError

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Scheme: TypeAlias = Literal["http", "https"]

UNIX = "unix"
"""Among the trusted networks: the peers of a Unix socket, which have no address."""

MAX_HOPS = 16
"""Proxies in a row that are looked past: more is a forged header, and each costs a parse."""

MAX_KNOWN_PEERS = 1024
"""Peers whose address need not be parsed again, at each of the two times a connect asks for it:
6 us each. Those behind one office, proxy or load generator; some 200 KiB when full."""

_SCHEMES: dict[str, Scheme] = {"http": "http", "ws": "http", "https": "https", "wss": "https"}


class ClientAddress(Struct, frozen=True, gc=False):
    """Where a request came from.

    ``ip`` is empty for a Unix socket whose client is not known. ``is_proxy``: it
    is a proxy's own, since the header was missing or broken; one limit for
    everybody behind that proxy would be wrong, so it has none. ``scheme`` is what
    a trusted proxy said, None where none did.
    """

    ip: str
    scheme: Scheme | None
    is_proxy: bool

    @property
    def limited_ip(self) -> str | None:
        """What ``ConnectionLimits`` counts by; None is exempt."""
        return None if self.is_proxy else self.ip


class TrustedProxies:
    """The networks whose X-Forwarded-* is believed; none by default."""

    __slots__ = ("_direct", "_networks", "_trusts_unix")

    def __init__(self, cidrs: Iterable[str] = ()) -> None:
        entries = list(cidrs)
        self._trusts_unix = UNIX in entries
        self._networks = tuple(_network(entry) for entry in entries if entry != UNIX)
        self._direct = lru_cache(MAX_KNOWN_PEERS)(self._address_of_untrusted)

    def client_address(
        self, peer_ip: str, x_forwarded_for: Sequence[str], x_forwarded_proto: str | None = None
    ) -> ClientAddress:
        """``peer_ip`` is the socket's (empty for a Unix socket), the rest as the request had it."""
        direct = self._direct(peer_ip)
        if direct is not None:
            return direct
        ip, is_proxy = self._walk(_address(peer_ip), x_forwarded_for)
        return ClientAddress(ip, _scheme(x_forwarded_proto), is_proxy)

    def _address_of_untrusted(self, peer_ip: str) -> ClientAddress | None:
        """Where a peer that is no trusted proxy comes from: whatever headers it sends."""
        peer = _address(peer_ip)
        if self._is_trusted(peer):
            return None
        return ClientAddress(peer_ip if peer is None else str(peer), None, peer is None)

    def _walk(self, peer: Address | None, x_forwarded_for: Sequence[str]) -> tuple[str, bool]:
        """From the nearest hop outwards; a broken entry ends it, for who wrote it is unclear."""
        hop = peer
        entries = ",".join(x_forwarded_for).rsplit(",", MAX_HOPS)
        for entry in islice(reversed(entries), MAX_HOPS):
            written = _address(_without_port(entry.strip()))
            if written is None:
                break
            hop = written
            if not self._is_trusted(hop):
                return str(hop), False
        return ("" if hop is None else str(hop)), True

    def _is_trusted(self, address: Address | None) -> bool:
        if address is None:
            return self._trusts_unix
        return any(address in network for network in self._networks)


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ConfigError(
            f'a trusted proxy is a network such as 10.0.0.0/8 or "{UNIX}", not "{text}"'
        ) from None


def _address(text: str) -> Address | None:
    """An address, with an IPv4 one in IPv6 clothes as what it is."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _without_port(entry: str) -> str:
    """Some proxies write the port as well: ``192.0.2.1:4711``, ``[2001:db8::1]:4711``."""
    if entry.startswith("["):
        return entry[1:].partition("]")[0]
    return entry.partition(":")[0] if entry.count(":") == 1 else entry


def _scheme(x_forwarded_proto: str | None) -> Scheme | None:
    """The rightmost, which the nearest proxy wrote."""
    if x_forwarded_proto is None:
        return None
    return _SCHEMES.get(x_forwarded_proto.rpartition(",")[2].strip().lower())
