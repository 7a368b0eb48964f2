"""Key pairs and forged tokens for the tests of keys and tokens."""

from __future__ import annotations

import base64
import hmac
import json
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from jwt.algorithms import ECAlgorithm, HMACAlgorithm, OKPAlgorithm, RSAAlgorithm

SECRET = b"0123456789abcdef" * 4
PUBLIC_ALGORITHMS = ("RS256", "RS384", "RS512", "ES256", "ES384", "EdDSA")


@cache  # an RSA key takes a tenth of a second to find
def private_key(algorithm: str, name: str = "") -> Any:
    """A private key for ``algorithm``, the same for the same ``name``."""
    if algorithm.startswith("RS"):
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    return ec.generate_private_key(ec.SECP256R1() if algorithm == "ES256" else ec.SECP384R1())


def private_pem(algorithm: str, name: str = "") -> bytes:
    key = private_key(algorithm, name)
    pem: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return pem


def public_pem(algorithm: str, name: str = "") -> bytes:
    key = private_key(algorithm, name).public_key()
    pem: bytes = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return pem


def jwk(algorithm: str, name: str = "", **members: Any) -> dict[str, Any]:
    """The public key as an entry of a JWKS document."""
    if algorithm.startswith("HS"):
        entry = HMACAlgorithm.to_jwk(SECRET, as_dict=True)
    elif algorithm.startswith("RS"):
        entry = RSAAlgorithm.to_jwk(private_key(algorithm, name).public_key(), as_dict=True)
    elif algorithm == "EdDSA":
        entry = OKPAlgorithm.to_jwk(private_key(algorithm, name).public_key(), as_dict=True)
    else:
        entry = ECAlgorithm.to_jwk(private_key(algorithm, name).public_key(), as_dict=True)
    entry.pop("key_ops", None)
    return {**entry, "alg": algorithm, **members}


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unsigned(header: dict[str, Any], claims: dict[str, Any], signature: bytes = b"") -> str:
    """A token as a forger writes it: any header, any claims, any signature."""
    return f"{_signing_input(header, json.dumps(claims))}.{base64url(signature)}"


def signed_by_hand(header: dict[str, Any], claims: str, secret: bytes = SECRET) -> str:
    """HS256 over any header and any text as claims, which no library would make."""
    text = _signing_input({"alg": "HS256", **header}, claims)
    return f"{text}.{base64url(hmac.digest(secret, text.encode(), 'sha256'))}"


def _signing_input(header: dict[str, Any], claims: str) -> str:
    return f"{base64url(json.dumps(header).encode())}.{base64url(claims.encode())}"
