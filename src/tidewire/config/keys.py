"""The keys that tokens are checked with, read from the settings and the files they name.

Every key comes with the one algorithm it is for: a token does not get to choose
(RFC 8725, section 3.1). A JWKS is read elsewhere, since it changes while the server runs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import jwt
from jwt.algorithms import get_default_algorithms
from msgspec import Struct

from tidewire.config.settings import Auth
from tidewire.config.values import Algorithm, Secret
from tidewire.errors import ConfigError

LEAST_SECRET_BYTES = {"HS256": 32, "HS384": 48, "HS512": 64}
"""A key at least as long as the hash's output (RFC 7518, section 3.2)."""

PUBLIC_KEY_ALGORITHMS = tuple(
    name for name in get_args(Algorithm) if name not in LEAST_SECRET_BYTES
)
MAX_KEY_BYTES = 65536
"""The longest RSA key in use is under 4 KiB; a device given by mistake is not read to its end."""


class Key(Struct, frozen=True):
    """A key, its one algorithm, and where it was configured. Shows no key material."""

    algorithm: Algorithm
    material: Secret
    origin: str


def read_keys(auth: Auth) -> tuple[Key, ...]:
    """Secrets first, in the order given: new tokens are signed with the first."""
    return (
        *(
            _secret(auth.algorithm, secret, f"auth.secrets[{place}]")
            for place, secret in enumerate(auth.secrets)
        ),
        *(read_secret_file(name, auth.algorithm) for name in auth.secret_files),
        *(_public_key(entry) for entry in auth.public_key_files),
    )


def read_secret_file(name: str, algorithm: Algorithm) -> Key:
    """One secret: the file's text without the line end that editors and ``echo`` add."""
    return _secret(algorithm, Secret(read_text(name).rstrip("\r\n")), name)


def read_text(name: str) -> str:
    """A small text file, or one sentence that says why not."""
    try:
        with Path(name).open("rb") as file:
            content = file.read(MAX_KEY_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"cannot read {name}: {error.strerror}") from None
    if len(content) > MAX_KEY_BYTES or not (text := _decoded(content)):
        raise ConfigError(f"{name} does not hold a key")
    return text


def _decoded(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return ""


def _secret(algorithm: Algorithm, secret: Secret, origin: str) -> Key:
    least = LEAST_SECRET_BYTES[algorithm]
    length = len(secret.reveal())
    if length < least:
        raise ConfigError(
            f"{origin} has {length} bytes, but {algorithm} needs at least {least}: "
            f"make one with `openssl rand -hex {least}`"
        )
    return _checked(Key(algorithm, secret, origin))


def _public_key(entry: str) -> Key:
    algorithm, colon, name = entry.partition(":")
    if not colon or algorithm not in PUBLIC_KEY_ALGORITHMS:
        raise ConfigError(
            f'auth.public_key_files: expected "ALGORITHM:path" with one of '
            f'{", ".join(PUBLIC_KEY_ALGORITHMS)}, not "{entry}"'
        )
    known: Any = algorithm
    return _checked(Key(known, Secret(read_text(name)), name))


def _checked(key: Key) -> Key:
    """Refuses what is no key of its algorithm, such as a public key given as a secret."""
    try:
        get_default_algorithms()[key.algorithm].prepare_key(key.material.reveal())
    except (ValueError, TypeError, jwt.PyJWTError):
        raise ConfigError(f"{key.origin} does not hold a key for {key.algorithm}") from None
    return key
