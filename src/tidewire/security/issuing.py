"""Issuing tokens: for ``tidewire token``, for examples and for tests.

In production it is the application that issues them, with any JWT library.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from jwt.exceptions import PyJWTError

from tidewire.errors import ConfigError
from tidewire.security.keys import HMAC_MIN_BYTES, JWS, check_algorithm, check_secret
from tidewire.security.user import User


class TokenIssuer:
    """Makes tokens with one secret or private key (PEM)."""

    __slots__ = ("_algorithm", "_audience", "_issuer", "_key", "_kid")

    def __init__(
        self,
        key: bytes,
        algorithm: str = "HS256",
        *,
        kid: str | None = None,
        issuer: str | None = None,
        audience: str | None = None,
    ) -> None:
        self._key = _signing_key(key, algorithm)
        self._algorithm = algorithm
        self._kid = kid
        self._issuer = issuer
        self._audience = audience

    def issue(
        self,
        user_id: str,
        *,
        now: float,
        ttl_s: float = 3600.0,
        info: Any = None,
        token_id: str | None = None,
        session_id: str | None = None,
        channels: Mapping[str, Sequence[str]] | None = None,
        subscribe: Sequence[str] = (),
    ) -> str:
        """A connection token for ``user_id``; ``ValueError`` where no user may be called that.

        ``channels`` says what its user may do, by channel pattern; to ``subscribe`` its
        clients are subscribed at once; ``session_id`` names one login of the user.
        """
        user = User(user_id, info)
        claims = {
            "sub": user.id,
            "iat": int(now),
            "exp": int(now + ttl_s),
            "iss": self._issuer,
            "aud": self._audience,
            "jti": token_id,
            "info": info,
            "sid": session_id,
            "channels": channels or None,
            "subscribe": list(subscribe) or None,
        }
        return self.sign({name: value for name, value in claims.items() if value is not None})

    def sign(self, claims: dict[str, Any], header: dict[str, Any] | None = None) -> str:
        """Any claims at all, signed."""
        named = {} if self._kid is None else {"kid": self._kid}
        payload = msgspec.json.encode(claims)
        return JWS.encode(payload, self._key, self._algorithm, headers=named | (header or {}))


def _signing_key(key: bytes, algorithm: str) -> Any:
    if algorithm in HMAC_MIN_BYTES:
        return check_secret(key, algorithm)[1]
    try:
        return JWS.get_algorithm_by_name(check_algorithm(algorithm)).prepare_key(key)
    except (PyJWTError, ValueError, TypeError):
        raise ConfigError(f"the signing key for {algorithm} is a private key in PEM form") from None
