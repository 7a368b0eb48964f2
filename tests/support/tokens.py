"""JSON Web Tokens put together by hand, so that a test can make the ones no library would."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any, TypeAlias

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

Claims: TypeAlias = dict[str, Any]

SECRET = "a secret for tests of at least thirty-two bytes"


def claims(**changed: object) -> Claims:
    """What a good token says, with ``changed`` claims; None leaves a claim out."""
    said = {"sub": "ada", "exp": int(time.time()) + 3600, **changed}
    return {name: value for name, value in said.items() if value is not None}


def hmac_token(said: Claims, *, secret: str | bytes = SECRET, **header: object) -> str:
    """Signed with HS256, whatever ``header`` says about it."""
    key = secret.encode() if isinstance(secret, str) else secret
    signed = _signed_part(said, {"alg": "HS256", "typ": "JWT", **header})
    return _join(signed, hmac.new(key, signed.encode(), hashlib.sha256).digest())


def unsigned_token(said: Claims, *, alg: str = "none") -> str:
    return _join(_signed_part(said, {"alg": alg, "typ": "JWT"}), b"")


def rsa_token(said: Claims, key: rsa.RSAPrivateKey, **header: object) -> str:
    signed = _signed_part(said, {"alg": "RS256", "typ": "JWT", **header})
    return _join(signed, key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))


def public_pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def bearer(token: str) -> tuple[str, str]:
    return ("Authorization", f"Bearer {token}")


def _signed_part(said: Claims, header: dict[str, object]) -> str:
    return f"{_encoded(json.dumps(header).encode())}.{_encoded(json.dumps(said).encode())}"


def _join(signed: str, signature: bytes) -> str:
    return f"{signed}.{_encoded(signature)}"


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
