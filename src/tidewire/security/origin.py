"""Which web pages may connect (RFC 6455 section 10.2, RFC 6454, catalogue 9 to 13).

A browser lets any page open a WebSocket to anywhere and sends the user's cookies
along; the Origin header, which a page cannot choose, is the only thing that tells
them apart. Origins are compared parsed, never as text.
"""

from __future__ import annotations

import ipaddress
import string
from typing import TypeAlias

from msgspec import Struct

from tidewire.errors import ConfigError, HandshakeRefused
from tidewire.security.handshake import Handshake

ANY = "*"
NULL = "null"
"""What sandboxed frames, ``data:`` pages and redirects send: anybody's page, in effect."""

DEFAULT_PORTS = {"http": 80, "https": 443}

_SCHEME_CHARACTERS = frozenset(string.ascii_lowercase + string.digits + "+-.")
_HOST_CHARACTERS = frozenset(string.ascii_lowercase + string.digits + "-._")

_HostPort: TypeAlias = tuple[str, int | None]


class Origin(Struct, frozen=True, gc=False):
    """A parsed origin: lower case, default port filled in, IDN as punycode."""

    scheme: str
    host: str
    port: int | None


def parse_origin(text: str) -> Origin | None:
    """``scheme://host[:port]`` and nothing else: no user, path or trailing slash."""
    scheme, separator, authority = text.lower().partition("://")
    if not (separator and scheme and _SCHEME_CHARACTERS.issuperset(scheme)):
        return None
    host_port = _parse_authority(authority, DEFAULT_PORTS.get(scheme))
    return None if host_port is None else Origin(scheme, *host_port)


class OriginPolicy:
    """An exact allowlist; empty, it allows pages that this very host served.

    ``cookies`` says whether a cookie may authenticate: then ``*`` would let every
    page on the web act as its visitor, and is a ``ConfigError``.
    """

    __slots__ = ("_allowed", "_allows_any", "_allows_null")

    def __init__(self, allowed: tuple[str, ...] = (), *, cookies: bool) -> None:
        if ANY in allowed and cookies:
            raise ConfigError('origins cannot be "*" while a cookie authenticates: list each one')
        self._allows_any = ANY in allowed
        self._allows_null = NULL in allowed
        self._allowed = frozenset(_configured(text) for text in allowed if text not in (ANY, NULL))

    def check(self, handshake: Handshake, *, by_cookie: bool) -> None:
        """Raise ``HandshakeRefused`` (403) unless the page may connect.

        ``by_cookie`` is whether a cookie authenticates this client: then a missing
        Origin is refused as well, for the cookie proves a browser sent it.
        """
        if handshake.origin is None:
            if by_cookie:
                raise _refused("no Origin beside a cookie")
        elif not self._allows(handshake.origin, handshake):
            raise _refused("this Origin is not allowed")

    def _allows(self, text: str, handshake: Handshake) -> bool:
        if self._allows_any:
            return True
        if text == NULL:
            return self._allows_null
        origin = parse_origin(text)
        if origin is None:
            return False
        if self._allowed or self._allows_null:
            return origin in self._allowed
        return _is_same_host(origin, handshake)


def _is_same_host(origin: Origin, handshake: Handshake) -> bool:
    """Whether the page came from where it connects to.

    A page of http is not one of https: whoever sits on the path can write it. The
    reverse is let pass, since TLS may end at a proxy that does not say so.
    """
    if origin.scheme not in DEFAULT_PORTS or (origin.scheme, handshake.scheme) == ("http", "https"):
        return False
    host = _parse_authority(handshake.host.lower(), DEFAULT_PORTS[origin.scheme])
    return host == (origin.host, origin.port)


def _configured(text: str) -> Origin:
    origin = parse_origin(_with_punycode(text))
    if origin is None:
        raise ConfigError(f'an origin is written like https://app.example.com, not "{text}"')
    return origin


def _with_punycode(text: str) -> str:
    """An IDN as browsers send it, once. Python knows IDNA 2003, so where newer rules may differ
    (it turns "straße" into "strasse", another site) the operator has to write punycode."""
    scheme, separator, authority = text.lower().partition("://")
    if authority.isascii():
        return text
    host, colon, port = authority.partition(":")
    try:
        encoded = host.encode("idna")
    except UnicodeError:
        encoded = b""
    if encoded.decode("idna") != host:
        raise ConfigError(f'write the host of "{text}" in punycode (xn--...)')
    return f"{scheme}{separator}{encoded.decode('ascii')}{colon}{port}"


def _parse_authority(text: str, default_port: int | None) -> _HostPort | None:
    if text.startswith("["):
        literal, bracket, rest = text[1:].partition("]")
        host = _ipv6(literal) if bracket else None
    else:
        name, colon, digits = text.partition(":")
        host = name if name and _HOST_CHARACTERS.issuperset(name) else None
        rest = colon + digits
    port = _port(rest, default_port)
    return None if host is None or port == 0 else (host, port)


def _ipv6(literal: str) -> str | None:
    try:
        return f"[{ipaddress.IPv6Address(literal)}]"
    except ValueError:
        return None


def _port(text: str, default: int | None) -> int | None:
    """The port after a colon; 0, which no origin has, when it is none."""
    if not text:
        return default
    digits = text[1:]
    is_number = text[0] == ":" and digits.isascii() and digits.isdigit() and len(digits) <= 5
    return int(digits) if is_number and int(digits) <= 65535 else 0


def _refused(message: str) -> HandshakeRefused:
    return HandshakeRefused(403, "forbidden_origin", message)
