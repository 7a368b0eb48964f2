from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tidewire.config import Auth, Secret, read_keys, read_secrets
from tidewire.errors import ConfigError

SECRET = "0123456789abcdef" * 4


def public_key_pem() -> str:
    key = Ed25519PrivateKey.generate().public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def test_secrets_given_as_values_come_before_those_in_files(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(SECRET.upper() + "\n")
    auth = Auth(secrets=(Secret(SECRET),), secret_files=(str(file),))
    assert read_secrets(auth) == (SECRET.encode(), SECRET.upper().encode())
    assert [key.algorithm for key in read_keys(auth)] == ["HS256", "HS256"]


def test_a_public_key_verifies_its_one_algorithm(tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    file.write_text(public_key_pem())
    (key,) = read_keys(Auth(public_key_files=(f"EdDSA:{file}",)))
    assert key.algorithm == "EdDSA"


@pytest.mark.parametrize(
    ("auth", "sentence"),
    [
        (Auth(secrets=(Secret("short"),)), "auth.secrets, entry 1: a secret for HS256"),
        (Auth(secrets=(Secret("x" * 32),), algorithm="HS512"), "at least 64 bytes"),
        (Auth(secret_files=("{dir}",)), "Is a directory"),
        (Auth(secret_files=("{dir}/none",)), "No such file or directory"),
        (Auth(secret_files=("{dir}/empty",)), "it is empty"),
        (Auth(secret_files=("/dev/zero",)), "it is too long"),
        (Auth(secret_files=("{dir}/public",)), "a public key or JWK is given as a secret"),
        (Auth(public_key_files=("{dir}/public",)), "write the algorithm first"),
        (Auth(public_key_files=("HS256:{dir}/public",)), "write the algorithm first"),
        (Auth(public_key_files=("RS256:{dir}/public",)), "verifies EdDSA, not RS256"),
        (Auth(public_key_files=("RS256:{dir}/text",)), "is a public key in PEM"),
        (Auth(jwks_file="{dir}/text"), "is not JSON"),
        (Auth(jwks_file="{dir}/list"), "is no key set"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_key_is_refused_in_one_sentence(
    tmp_path: Path, auth: Auth, sentence: str
) -> None:
    """Catalogue 19, in the configuration."""
    for name, text in (("empty", ""), ("public", public_key_pem()), ("text", "a"), ("list", "[]")):
        (tmp_path / name).write_text(text)
    with pytest.raises(ConfigError) as refusal:
        read_keys(in_directory(auth, tmp_path))
    assert sentence in str(refusal.value)
    assert "PUBLIC KEY-----" not in str(refusal.value)


def in_directory(auth: Auth, directory: Path) -> Auth:
    def place(name: str) -> str:
        return name.format(dir=directory)

    return Auth(
        secrets=auth.secrets,
        algorithm=auth.algorithm,
        secret_files=tuple(map(place, auth.secret_files)),
        public_key_files=tuple(map(place, auth.public_key_files)),
        jwks_file=place(auth.jwks_file) if auth.jwks_file else None,
    )
