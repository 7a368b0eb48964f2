"""The keys that tokens are verified with, read from the settings and the files they name.

``jwks_url`` is left out: whoever runs the server fetches it, again and again.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

from tidewire.config.settings import Auth
from tidewire.errors import ConfigError
from tidewire.security.keys import HMAC_MIN_BYTES, KeySet, check_secret

T = TypeVar("T")

MAX_KEY_BYTES = 1_048_576
"""A key is a few KiB, a key set some dozen; a device given by mistake is not read to its end."""


def read_keys(auth: Auth) -> KeySet:
    """Every key that is given as a value or a file."""
    keys = KeySet()
    for secret in read_secrets(auth):
        keys += KeySet.from_secret(secret, auth.algorithm, issuer=auth.issuer)
    for entry in auth.public_key_files:
        keys += _public_key(entry, auth.issuer)
    if auth.jwks_file:
        keys += _jwks(auth.jwks_file, auth.issuer)
    return keys


def read_secrets(auth: Auth) -> tuple[bytes, ...]:
    """The signing secrets in the order given: new tokens are signed with the first."""
    given = [
        (f"auth.secrets, entry {place}", secret.reveal())
        for place, secret in enumerate(auth.secrets, start=1)
    ]
    # The line end is no part of a secret: editors and `echo` add it.
    files = [(name, read_small(name).rstrip(b"\r\n")) for name in auth.secret_files]
    return tuple(
        _named(origin, partial(check_secret, secret, auth.algorithm))[1]
        for origin, secret in (*given, *files)
    )


def read_small(name: str) -> bytes:
    """A small file's content, or one sentence that says why not."""
    try:
        with Path(name).open("rb") as file:
            content = file.read(MAX_KEY_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise ConfigError(f"cannot read {name}: {_reason(error)}") from None
    if not 0 < len(content) <= MAX_KEY_BYTES:
        raise ConfigError(f"{name} holds no key: it is {'too long' if content else 'empty'}")
    return content


def _reason(error: OSError | ValueError) -> str:
    return getattr(error, "strerror", None) or str(error)


def _public_key(entry: str, issuer: str | None) -> KeySet:
    algorithm, colon, name = entry.partition(":")
    if not colon or algorithm in HMAC_MIN_BYTES:
        raise ConfigError(
            f'auth.public_key_files: write the algorithm first, as in "RS256:key.pem", '
            f'not "{entry}"'
        )
    pem = read_small(name)
    return _named(name, lambda: KeySet.from_pem(pem, algorithm, issuer=issuer))


def _jwks(name: str, issuer: str | None) -> KeySet:
    try:
        document = json.loads(read_small(name))
    except (ValueError, RecursionError):
        raise ConfigError(f"{name} is not JSON, as a key set is") from None
    if not isinstance(document, dict):
        raise ConfigError(f"{name} is no key set: it has no object around its keys")
    return _named(name, lambda: KeySet.from_jwks(document, issuer=issuer))


def _named(origin: str, check: Callable[[], T]) -> T:
    """``check``, with the name of what it was given in front of its complaint."""
    try:
        return check()
    except ConfigError as error:
        raise ConfigError(f"{origin}: {error}") from None
