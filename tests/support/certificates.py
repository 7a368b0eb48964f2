"""A certificate for 127.0.0.1 that signs itself, made anew for each test."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)

from tidewire.config import Tls

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def write_certificate(
    folder: Path, *, expires: datetime = LONG_AGO + timedelta(days=36_500), password: str = ""
) -> Tls:
    """Writes ``cert.pem`` and ``key.pem`` (behind ``password`` where one is given)."""
    key = generate(SECP256R1())
    cert_path, key_path, password_path = (
        folder / name for name in ("cert.pem", "key.pem", "password")
    )
    cert_path.write_bytes(_signed(key, expires).public_bytes(Encoding.PEM))
    lock: KeySerializationEncryption = NoEncryption()
    if password:
        lock = BestAvailableEncryption(password.encode())
        password_path.write_text(password + "\n")
    key_path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock))
    return Tls(
        cert=str(cert_path),
        key=str(key_path),
        key_password_file=str(password_path) if password else None,
    )


def _signed(key: EllipticCurvePrivateKey, expires: datetime) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(LONG_AGO)
        .not_valid_after(expires)
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, SHA256())
    )
