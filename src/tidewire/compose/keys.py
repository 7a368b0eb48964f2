"""The keys in force: those of the settings and files, and those the issuer publishes.

Either can change while the server runs; the verifier always has both.
"""

from __future__ import annotations

from tidewire.config import Settings, has_keys, read_keys
from tidewire.config.settings import Auth
from tidewire.security.keys import KeySet
from tidewire.security.tokens import TokenVerifier


class Keys:
    """Two key sets and the verifier that uses them joined."""

    def __init__(self, auth: Auth) -> None:
        self._own = read_keys(auth)
        self._published = KeySet()
        self.verifier = TokenVerifier(
            self._own, audience=auth.audience, issuer=auth.issuer, leeway_s=auth.leeway_s
        )

    def take_own(self, keys: KeySet) -> None:
        """From now on the settings' keys are these. Raises ``ConfigError``, and changes nothing."""
        self.verifier.keys = keys + self._published
        self._own = keys

    def take_published(self, keys: KeySet) -> None:
        """From now on the issuer's keys are these. Raises ``ConfigError``, and changes nothing."""
        self.verifier.keys = self._own + keys
        self._published = keys


def configured_keys(settings: Settings) -> Keys | None:
    """None where no key is configured: then no token is ever right."""
    return Keys(settings.auth) if has_keys(settings.auth) else None
