"""Tokens are issued for users who could exist, with keys that can sign."""

from __future__ import annotations

import pytest

from tests.security.signing import SECRET, private_pem, public_pem
from tidewire.errors import ConfigError
from tidewire.security.issuing import TokenIssuer

NOW = 1_700_000_000.0


# --- issuing -------------------------------------------------------------------------------------


def test_a_token_for_a_name_nobody_may_have_is_not_issued() -> None:
    with pytest.raises(ValueError, match="printable"):
        TokenIssuer(SECRET).issue("", now=NOW)


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (b"short", "HS256"),
        (SECRET, "none"),
        (SECRET, "RS256"),
        (public_pem("EdDSA"), "HS256"),
        (private_pem("EdDSA"), "ES256"),
    ],
    ids=["short", "none", "secret-as-rsa", "public-as-secret", "other-type"],
)
def test_a_key_that_cannot_sign_is_one_plain_sentence(key: bytes, algorithm: str) -> None:
    with pytest.raises(ConfigError):
        TokenIssuer(key, algorithm)
