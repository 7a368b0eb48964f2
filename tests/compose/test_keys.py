"""The verifier always has both the settings' keys and the issuer's."""

from __future__ import annotations

import pytest

from tests.security.signing import jwk
from tidewire.compose.keys import Keys, configured_keys
from tidewire.config import Auth, Secret, Settings
from tidewire.errors import ConfigError
from tidewire.security.keys import KeySet

AUTH = Auth(secrets=(Secret("0123456789abcdef" * 2),))
PUBLISHED = KeySet.from_jwks({"keys": [jwk("EdDSA", kid="one")]})


def _ids(keys: Keys) -> list[str | None]:
    return [key.kid for key in keys.verifier.keys]


def test_published_keys_stand_beside_the_configured_ones() -> None:
    keys = Keys(AUTH)
    keys.take_published(PUBLISHED)
    assert _ids(keys) == [None, "one"]
    keys.take_own(KeySet.from_secret(b"x" * 32, kid="new"))
    assert _ids(keys) == ["new", "one"]


def test_published_keys_that_clash_change_nothing() -> None:
    keys = Keys(AUTH)
    keys.take_own(KeySet.from_jwks({"keys": [jwk("EdDSA", "other", kid="one")]}))
    with pytest.raises(ConfigError, match="share a kid"):
        keys.take_published(PUBLISHED)
    assert _ids(keys) == ["one"]


def test_without_any_key_there_is_no_verifier() -> None:
    assert configured_keys(Settings(auth=Auth(anonymous=True))) is None
