"""Keys that tokens are verified with: from secrets, PEM files and JWKS documents.

Each key has exactly one algorithm, decided here and never by a token (catalogue
19, RFC 8725 section 3.1). Nothing is fetched: whoever has a JWKS address reads it
and passes the document in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Literal, TypeAlias, get_args

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from jwt import PyJWK
from jwt.algorithms import HMACAlgorithm
from jwt.api_jws import PyJWS
from jwt.exceptions import InvalidKeyError, PyJWTError
from msgspec import Struct

from tidewire.errors import ConfigError

Algorithm: TypeAlias = Literal[
    "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "ES256", "ES384", "EdDSA"
]

ALGORITHMS: tuple[Algorithm, ...] = get_args(Algorithm)

JWS = PyJWS(list(ALGORITHMS))
"""Signs and verifies; knows these algorithms and no other, so not "none"."""

HMAC_MIN_BYTES = {"HS256": 32, "HS384": 48, "HS512": 64}
"""RFC 7518 section 3.2: at least the size of the hash."""

RSA_MIN_BITS = 2048
"""RFC 7518 section 3.3."""

MAX_KEYS = 64
"""An issuer rotates a handful; a document with more is not a key set we should search."""

MAX_TRIED = 8
"""Keys tried for one token, when it or they have no kid: 0.05-0.1 ms each, for anybody who asks."""

_CURVES = {"secp256r1": "ES256", "secp384r1": "ES384"}


_BROKEN_JWK = (PyJWTError, ConfigError, ValueError, TypeError, KeyError, AttributeError,
               NotImplementedError)  # fmt: skip
"""What a key entry of wrong types raises, from PyJWT or beneath it; NotImplementedError: "none"."""


class VerificationKey(Struct, frozen=True):
    """One key, its one algorithm, and for whose tokens. ``repr`` does not show the key."""

    algorithm: Algorithm
    material: Any
    kid: str | None = None
    issuer: str | None = None

    def has_signed(self, message: bytes, signature: bytes) -> bool:
        """Whether ``signature`` is this key's (HMACs are compared in constant time)."""
        algorithm = JWS.get_algorithm_by_name(self.algorithm)
        return algorithm.verify(message, self.material, signature)

    def __repr__(self) -> str:
        return f"VerificationKey({self.algorithm}, kid={self.kid!r}, issuer={self.issuer!r})"


class KeySet:
    """The keys a token may be signed with, told apart by issuer and key id together.

    Two issuers may use the same ``kid``: each key verifies its own issuer's
    tokens only (catalogue 24). Immutable; ``+`` joins two sets.
    """

    __slots__ = ("_keys",)

    def __init__(self, keys: Iterable[VerificationKey] = ()) -> None:
        self._keys = tuple(keys)
        if len(self._keys) > MAX_KEYS:
            raise ConfigError(f"at most {MAX_KEYS} verification keys, not {len(self._keys)}")
        named = [(key.issuer, key.kid) for key in self._keys if key.kid is not None]
        if len(named) != len(set(named)):
            raise ConfigError("two verification keys share a kid: name the issuer of each key set")

    @classmethod
    def from_secret(
        cls,
        secret: bytes,
        algorithm: str = "HS256",
        *,
        kid: str | None = None,
        issuer: str | None = None,
    ) -> KeySet:
        """One shared secret; whoever has it can also issue tokens."""
        return cls([VerificationKey(*check_secret(secret, algorithm), kid, issuer)])

    @classmethod
    def from_pem(
        cls,
        pem: bytes,
        algorithm: str | None = None,
        *,
        kid: str | None = None,
        issuer: str | None = None,
    ) -> KeySet:
        """One public key. Without ``algorithm``: RS256, ES256, ES384 or EdDSA, by its type."""
        try:
            material = load_pem_public_key(pem)
        except ValueError:
            raise ConfigError("a verification key is a public key in PEM (PKCS #8) form") from None
        return cls([VerificationKey(_public(material, algorithm), material, kid, issuer)])

    @classmethod
    def from_jwks(cls, document: Mapping[str, Any], *, issuer: str | None = None) -> KeySet:
        """The keys of a JWKS document (RFC 7517) that can verify tokens here.

        Those of unknown type or broken are skipped, as its section 5 says; none left
        is a ``ConfigError``.
        """
        entries = document.get("keys")
        if not isinstance(entries, list) or len(entries) > MAX_KEYS:
            raise ConfigError(f'a JWKS document has "keys", a list of at most {MAX_KEYS}')
        keys = [key for entry in entries if (key := _from_jwk(entry, issuer)) is not None]
        if not keys:
            raise ConfigError("the JWKS document has no key that this server can verify with")
        return cls(keys)

    def __add__(self, other: KeySet) -> KeySet:
        return KeySet((*self._keys, *other._keys))

    def __iter__(self) -> Iterator[VerificationKey]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)

    def candidates(self, algorithm: object, kid: str | None) -> list[VerificationKey]:
        """Keys for a token that names ``algorithm`` and ``kid``; one without a kid fits any.

        The token only selects among pairs fixed here: another algorithm than the
        key's own selects nothing.
        """
        fitting = (
            key
            for key in self._keys
            if key.algorithm == algorithm and (kid is None or key.kid is None or key.kid == kid)
        )
        return list(islice(fitting, MAX_TRIED))


def check_algorithm(name: str) -> Algorithm:
    for known in ALGORITHMS:
        if name == known:
            return known
    raise ConfigError(f'unknown token algorithm "{name}": one of {", ".join(ALGORITHMS)}')


def check_secret(secret: bytes, algorithm: str) -> tuple[Algorithm, bytes]:
    """The HMAC algorithm and its secret, long enough and not a public key by mistake."""
    needed = HMAC_MIN_BYTES.get(algorithm)
    if needed is None:
        raise ConfigError(f"a secret signs with {', '.join(HMAC_MIN_BYTES)}, not {algorithm}")
    if len(secret) < needed:
        raise ConfigError(f"a secret for {algorithm} has at least {needed} bytes: make a new one")
    try:
        HMACAlgorithm(HMACAlgorithm.SHA256).prepare_key(secret)
    except InvalidKeyError:
        raise ConfigError("a public key or JWK is given as a secret: give it as a key") from None
    return check_algorithm(algorithm), secret


def _public(material: object, algorithm: str | None) -> Algorithm:
    """The algorithm of a public key: the one asked for, if it is one of this key's type."""
    if isinstance(material, RSAPublicKey):
        fitting = ["RS256", "RS384", "RS512"] if material.key_size >= RSA_MIN_BITS else []
    elif isinstance(material, EllipticCurvePublicKey):
        fitting = [name] if (name := _CURVES.get(material.curve.name)) else []
    else:
        fitting = ["EdDSA"] if isinstance(material, Ed25519PublicKey) else []
    if not fitting:
        raise ConfigError(
            f"a public key is RSA of at least {RSA_MIN_BITS} bits, P-256, P-384 or Ed25519"
        )
    if algorithm is not None and algorithm not in fitting:
        raise ConfigError(f"this public key verifies {' or '.join(fitting)}, not {algorithm}")
    return check_algorithm(algorithm or fitting[0])


def _from_jwk(entry: object, issuer: str | None) -> VerificationKey | None:
    if not isinstance(entry, dict) or not _is_for_verifying(entry):
        return None
    kid = entry.get("kid")
    if not (kid is None or isinstance(kid, str)):
        return None
    try:
        jwk = PyJWK.from_dict(entry)
        algorithm, material = _checked(jwk.key, jwk.algorithm_name)
    except _BROKEN_JWK:
        return None
    return VerificationKey(algorithm, material, kid, issuer)


def _is_for_verifying(entry: Mapping[str, object]) -> bool:
    operations = entry.get("key_ops")
    may_verify = operations is None or (isinstance(operations, list) and "verify" in operations)
    return may_verify and entry.get("use", "sig") == "sig"


def _checked(material: Any, algorithm: str) -> tuple[Algorithm, Any]:
    if isinstance(material, bytes):
        return check_secret(material, algorithm)
    if hasattr(material, "private_bytes"):  # published by mistake; its public half is what we need
        material = material.public_key()
    return _public(material, algorithm), material
