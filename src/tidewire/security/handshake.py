"""Handshake: what an authenticator and the checks before the 101 see of a request.

Reads headers, cookies and query strictly and within bounds; whether the request
is a valid upgrade is ``websocket.handshake``'s question.
"""

from __future__ import annotations

import string
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TypeAlias
from urllib.parse import parse_qsl

from msgspec import Struct

from tidewire.security.proxies import Scheme
from tidewire.security.refusals import bad_request

RawHeaders: TypeAlias = Iterable[tuple[bytes, bytes]]

MAX_COOKIES = 64
MAX_QUERY_FIELDS = 64
"""Far above what pages use; each costs an entry in a dict before anyone is known."""

MAX_SUBPROTOCOLS = 16
"""Ours, one credential, and what a library adds of its own."""

_TOKEN_CHARACTERS = frozenset(string.ascii_letters + string.digits + "!#$%&'*+-.^_`|~")


class Handshake(Struct, frozen=True):
    """A request to connect, as far as it may be judged.

    ``headers`` map lower-case names to all values; ``query`` and ``cookies`` map
    names to their first value. ``client_ip`` and ``scheme`` are the client's own,
    after trusted proxies. ``repr`` shows nothing that could be a secret.
    """

    path: str
    query: Mapping[str, str]
    headers: Mapping[str, tuple[str, ...]]
    cookies: Mapping[str, str]
    client_ip: str
    scheme: Scheme
    host: str = ""
    origin: str | None = None
    subprotocols: tuple[str, ...] = ()

    def header(self, name: str) -> str | None:
        """The first value of a header; ``name`` in any case."""
        values = self.headers.get(name.lower())
        return values[0] if values else None

    def __repr__(self) -> str:
        return (
            f"Handshake(path={self.path!r}, client_ip={self.client_ip!r}, "
            f"scheme={self.scheme!r}, host={self.host!r}, origin={self.origin!r})"
        )


def read_handshake(
    path: str, query_string: bytes, headers: RawHeaders, *, client_ip: str, scheme: Scheme
) -> Handshake:
    """The handshake in an HTTP request; raises ``HandshakeRefused`` (400) where it is ambiguous."""
    grouped = _group(headers)
    return Handshake(
        path=path,
        query=MappingProxyType(_query(query_string)),
        headers=MappingProxyType(grouped),
        cookies=MappingProxyType(_cookies(grouped.get("cookie", ()))),
        client_ip=client_ip,
        scheme=scheme,
        host=_only(grouped, "host") or "",
        origin=_only(grouped, "origin"),
        subprotocols=_subprotocols(grouped.get("sec-websocket-protocol", ())),
    )


def _group(headers: RawHeaders) -> dict[str, tuple[str, ...]]:
    grouped: dict[str, tuple[str, ...]] = {}
    for raw_name, raw_value in headers:
        name = raw_name.decode("latin-1").lower()
        value = raw_value.decode("latin-1").strip(" \t")
        grouped[name] = (*grouped[name], value) if name in grouped else (value,)
    return grouped


def _only(headers: Mapping[str, tuple[str, ...]], name: str) -> str | None:
    """The value of a header that decides who comes in, so there must be one reading of it."""
    values = headers.get(name, ())
    if len(values) > 1:
        raise bad_request(f"more than one {name} header")
    if values and not values[0].isascii():
        raise bad_request(f"the {name} header is not ASCII")
    return values[0] if values else None


def _query(query_string: bytes) -> dict[str, str]:
    if not query_string:
        return {}
    try:
        pairs = parse_qsl(
            query_string.decode("latin-1"),
            keep_blank_values=True,
            max_num_fields=MAX_QUERY_FIELDS,
        )
    except ValueError:
        raise bad_request("too many fields in the query") from None
    return _first_values(pairs)


def _cookies(lines: Sequence[str]) -> dict[str, str]:
    """RFC 6265 section 5.4: a browser sends the cookie of the longer path first; it counts."""
    if not lines:
        return {}
    items = "; ".join(lines).split(";", MAX_COOKIES)
    if len(items) > MAX_COOKIES:
        raise bad_request("too many cookies")
    pairs = (item.strip().partition("=") for item in items)
    return _first_values((name, value.strip('"')) for name, equals, value in pairs if equals)


def _first_values(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    values: dict[str, str] = {}
    for name, value in pairs:
        values.setdefault(name, value)
    return values


def _subprotocols(lines: Iterable[str]) -> tuple[str, ...]:
    """RFC 6455 section 4.1: distinct tokens. Split, not matched: linear (catalogue 14, 15)."""
    offered = [item.strip(" \t") for line in lines for item in line.split(",", MAX_SUBPROTOCOLS)]
    if len(offered) > MAX_SUBPROTOCOLS:
        raise bad_request("too many subprotocols")
    if not all(item and _TOKEN_CHARACTERS.issuperset(item) for item in offered):
        raise bad_request("a subprotocol is not a token")
    return tuple(dict.fromkeys(offered))
