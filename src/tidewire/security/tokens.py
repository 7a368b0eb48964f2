"""Tokens: JSON Web Tokens that say who a client is (RFC 7519, RFC 8725, catalogue 19 to 25).

The order is fixed: the key is chosen, the signature verified, and only then is a
claim looked at. Nothing a token names (``jku``, ``x5u``, a path as ``kid``) is ever
fetched or opened. ``now`` is the wall clock in Unix seconds.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import UNSET, Meta, Struct

from tidewire.errors import ConfigError
from tidewire.security.issuing import TokenIssuer
from tidewire.security.jws import Compact, Header, read_compact
from tidewire.security.keys import KeySet, VerificationKey
from tidewire.security.refusals import TokenRefused
from tidewire.security.user import User, is_user_id

__all__ = ["KeySet", "TokenIssuer", "TokenRefused", "TokenVerifier"]

MAX_TOKEN_LENGTH = 8192
"""Half of what all headers together may have; the ``refresh`` command takes no more either."""

MAX_LEEWAY_S = 30.0
"""Clocks kept by NTP differ by far less; more only lengthens a stolen token's life."""

MAX_LIFETIME_S = 366 * 86_400.0
"""A token beyond a year is a password that nobody can change."""

TOKEN_TYPES = frozenset({"jwt", "at+jwt", "application/at+jwt"})
"""What the header's ``typ`` may be, when there is one: a plain or an access token (RFC 9068)."""

PURPOSES = frozenset({"connection", "Bearer"})
"""What a ``typ`` claim may be, when there is one: ours, and what some issuers put in access tokens.
A token for one subscription, a refresh or an ID token says something else."""


MAX_PATTERNS = 32
"""In ``channels``: each may have to be looked at whenever its user does something."""

MAX_SUBSCRIPTIONS = 128
"""In ``subscribe``: as many as a client may have."""

Capability: TypeAlias = Literal["subscribe", "publish", "history", "presence"]
Pattern: TypeAlias = Annotated[str, Meta(min_length=1, max_length=255)]


class _Claims(Struct):
    """What we read of a token's payload; ``channel`` is there in tokens for one subscription."""

    sub: str
    exp: float
    nbf: float | None = None
    iat: float | None = None
    aud: str | list[str] | None = None
    iss: str | None = None
    jti: str | None = None
    typ: str | None = None
    channel: Any = None
    info: Any = None
    sid: Annotated[str, Meta(min_length=1, max_length=128)] | None = None
    channels: Annotated[dict[Pattern, frozenset[Capability]], Meta(max_length=MAX_PATTERNS)] = {}
    subscribe: Annotated[tuple[Pattern, ...], Meta(max_length=MAX_SUBSCRIPTIONS)] = ()


_decode_claims = msgspec.json.Decoder(_Claims).decode


class TokenVerifier:
    """Turns a token into the user it was issued to, or refuses it.

    ``audience`` and ``issuer`` are compared whole. ``leeway_s`` forgives a clock
    that differs, in one place for all: the user's ``expires_at`` is the token's
    ``exp`` with it added, and whoever looks at that needs to forgive nothing more.
    ``keys`` may be replaced while running, after a JWKS document was read again.
    """

    __slots__ = ("_audience", "_issuer", "_leeway_s", "keys")

    def __init__(
        self,
        keys: KeySet,
        *,
        audience: str | None = None,
        issuer: str | None = None,
        leeway_s: float = 10.0,
    ) -> None:
        if not 0 <= leeway_s <= MAX_LEEWAY_S:
            raise ConfigError(f"the leeway for clocks is 0 to {MAX_LEEWAY_S:.0f} seconds")
        self.keys = keys
        self._audience = audience
        self._issuer = issuer
        self._leeway_s = leeway_s

    def verify(self, token: str, now: float) -> User:
        """The user, or ``TokenRefused``. Its text says which rule, never a value."""
        compact = _read(token)
        key = self._key_that_signed(compact)
        claims = _read_claims(compact.payload)
        _check_purpose(compact.header, claims)
        self._check_parties(key, claims)
        self._check_times(claims, now)
        return _user(claims, claims.exp + self._leeway_s)

    def names_unknown_key(self, token: str) -> bool:
        """Whether ``token`` asks for a key by an id that none here has.

        Nobody has signed that header: it may be a reason to read the one configured
        key set again, and says nothing about where that is.
        """
        try:
            kid = _read(token).header.kid
        except TokenRefused:
            return False
        return kid is not None and all(key.kid != kid for key in self.keys)

    def _key_that_signed(self, compact: Compact) -> VerificationKey:
        header = compact.header
        for key in self.keys.candidates(header.alg, header.kid):
            if key.has_signed(compact.message, compact.signature):
                return key
        raise TokenRefused("no key verifies the token")

    def _check_parties(self, key: VerificationKey, claims: _Claims) -> None:
        if any(issuer not in (None, claims.iss) for issuer in (self._issuer, key.issuer)):
            raise TokenRefused("the token is from another issuer")
        audiences = [claims.aud] if isinstance(claims.aud, str) else claims.aud or []
        if self._audience is not None and self._audience not in audiences:
            raise TokenRefused("the token is for another audience")

    def _check_times(self, claims: _Claims, now: float) -> None:
        """After all else, so that "get a new one" is said only where that can help."""
        starts = max(claims.nbf or 0.0, claims.iat or 0.0)
        if starts > now + self._leeway_s:
            raise TokenRefused("the token is not valid yet")
        if claims.exp > now + MAX_LIFETIME_S:
            raise TokenRefused("the token is valid for more than a year")
        if claims.exp <= now - self._leeway_s:
            raise TokenRefused("the token has expired", code="token_expired")


def _read(token: str) -> Compact:
    if len(token) > MAX_TOKEN_LENGTH or not token.isascii():
        raise TokenRefused("the token is too long or not ASCII")
    return read_compact(token.encode("ascii"))


def _read_claims(payload: bytes) -> _Claims:
    try:
        return _decode_claims(payload)
    except (ValueError, RecursionError):
        raise TokenRefused("the token lacks sub or exp, or a claim has a wrong type") from None


def _check_purpose(header: Header, claims: _Claims) -> None:
    """Catalogue 20 and 25: a token means what it was issued for and nothing wider."""
    if header.crit is not UNSET or header.b64 is not True:  # we understand no extension (RFC 7797)
        raise TokenRefused("the token has a critical extension")
    if not isinstance(header.typ, str) or header.typ.lower() not in TOKEN_TYPES:
        raise TokenRefused("the token's header says it is for something else")
    if claims.channel is not None or claims.typ not in (None, *PURPOSES):
        raise TokenRefused("the token is not for connecting")


def _user(claims: _Claims, expires_at: float) -> User:
    if not is_user_id(claims.sub):
        raise TokenRefused("the token's sub cannot be a user id")
    try:
        return User(
            id=claims.sub,
            info=claims.info,
            expires_at=expires_at,
            token_id=claims.jti,
            issued_at=claims.iat,
            session_id=claims.sid,
            capabilities=tuple(claims.channels.items()),
            subscriptions=claims.subscribe,
        )
    except ValueError:
        raise TokenRefused("the token's info is too large") from None
