"""A key has one algorithm, one issuer, and is strong enough, or the server does not start."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import RSAAlgorithm

from tests.security.signing import (
    PUBLIC_ALGORITHMS,
    SECRET,
    base64url,
    jwk,
    private_key,
    private_pem,
    public_pem,
)
from tidewire.errors import ConfigError
from tidewire.security.keys import MAX_KEYS, MAX_TRIED, KeySet


def _algorithms(keys: KeySet) -> list[str]:
    return [key.algorithm for key in keys]


def _pem(key: Any) -> bytes:
    pem: bytes = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return pem


@pytest.mark.parametrize(("algorithm", "needed"), [("HS256", 32), ("HS384", 48), ("HS512", 64)])
def test_a_secret_is_at_least_as_long_as_the_hash(algorithm: str, needed: int) -> None:
    assert _algorithms(KeySet.from_secret(SECRET[:needed], algorithm)) == [algorithm]
    with pytest.raises(ConfigError, match=f"{needed} bytes"):
        KeySet.from_secret(SECRET[: needed - 1], algorithm)


def test_a_public_key_given_as_a_secret_is_refused() -> None:
    """Catalogue 19: everybody knows it, so everybody could sign with it."""
    with pytest.raises(ConfigError, match="public key"):
        KeySet.from_secret(public_pem("RS256"))


@pytest.mark.parametrize("algorithm", ["none", "RS256", "hs256", ""])
def test_a_secret_signs_with_hmac_and_nothing_else(algorithm: str) -> None:
    """Catalogue 19."""
    with pytest.raises(ConfigError):
        KeySet.from_secret(SECRET, algorithm)


@pytest.mark.parametrize("algorithm", PUBLIC_ALGORITHMS)
def test_a_public_key_has_the_algorithm_it_was_given(algorithm: str) -> None:
    assert _algorithms(KeySet.from_pem(public_pem(algorithm), algorithm)) == [algorithm]


def test_a_public_key_alone_has_the_usual_algorithm_of_its_type() -> None:
    for algorithm in ("RS256", "ES256", "ES384", "EdDSA"):
        assert _algorithms(KeySet.from_pem(public_pem(algorithm))) == [algorithm]


@pytest.mark.parametrize("algorithm", ["HS256", "none", "ES256", "PS256"])
def test_a_public_key_takes_no_algorithm_of_another_type(algorithm: str) -> None:
    """Catalogue 19."""
    with pytest.raises(ConfigError, match="verifies RS256"):
        KeySet.from_pem(public_pem("RS256"), algorithm)


def test_weak_and_unknown_public_keys_are_refused() -> None:
    small = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    for key in (small, ec.generate_private_key(ec.SECP256K1())):
        with pytest.raises(ConfigError, match="2048"):
            KeySet.from_pem(_pem(key))


@pytest.mark.parametrize(
    "pem",
    [b"", b"not a key", private_pem("EdDSA"), SECRET],
    ids=["empty", "text", "private", "secret"],
)
def test_what_is_no_public_key_is_one_plain_sentence(pem: bytes) -> None:
    with pytest.raises(ConfigError, match="public key in PEM"):
        KeySet.from_pem(pem)


@pytest.mark.parametrize("algorithm", ["HS256", *PUBLIC_ALGORITHMS])
def test_a_jwks_document_names_each_keys_algorithm(algorithm: str) -> None:
    [key] = KeySet.from_jwks({"keys": [jwk(algorithm, kid="k1")]}, issuer="https://id.example")
    assert (key.algorithm, key.kid, key.issuer) == (algorithm, "k1", "https://id.example")


def test_without_alg_a_jwk_has_the_usual_algorithm_of_its_type() -> None:
    for algorithm in ("HS256", "RS256", "ES256", "ES384", "EdDSA"):
        entry = jwk(algorithm)
        del entry["alg"]
        assert _algorithms(KeySet.from_jwks({"keys": [entry]})) == [algorithm]


SKIPPED: list[object] = [
    {"kty": "future", "kid": "x"},
    {"kty": "RSA"},
    {"kty": "EC", "crv": "P-256", "x": "!", "y": "!"},
    jwk("RS256", alg="PS256"),
    jwk("RS256", alg="HS256"),
    jwk("ES256", alg="RS256"),
    jwk("RS256", alg="none"),
    jwk("RS256", use="enc"),
    jwk("RS256", key_ops=["encrypt"]),
    jwk("RS256", kid=7),
    jwk("RS256", alg=["RS256"]),
    jwk("RS256", n=7),
    jwk("RS256", d="AQAB"),
    jwk("EdDSA", x=None),
    jwk("EdDSA", crv=[]),
    jwk("ES256", y=None),
    {"kty": "oct", "k": base64url(b"short"), "alg": "HS256"},
    {},
    "text",
    None,
]


@pytest.mark.parametrize("entry", SKIPPED, ids=lambda _: "")
def test_an_unknown_or_broken_key_is_skipped_and_the_others_serve(entry: object) -> None:
    """RFC 7517 section 5."""
    keys = KeySet.from_jwks({"keys": [entry, jwk("EdDSA", kid="good")]})
    assert [key.kid for key in keys] == ["good"]
    with pytest.raises(ConfigError, match="no key"):
        KeySet.from_jwks({"keys": [entry]})


@pytest.mark.parametrize("document", [{}, {"keys": None}, {"keys": {}}, {"keys": [{}] * 65}])
def test_a_document_that_is_no_key_set_is_one_plain_sentence(document: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="JWKS"):
        KeySet.from_jwks(document)


def test_a_private_key_published_by_mistake_serves_as_its_public_half() -> None:
    entry = RSAAlgorithm.to_jwk(private_key("RS256"), as_dict=True) | {"key_ops": ["verify"]}
    [key] = KeySet.from_jwks({"keys": [entry]})
    assert not hasattr(key.material, "private_bytes")


def test_the_same_kid_belongs_to_two_issuers_but_not_to_one_twice() -> None:
    """Catalogue 24."""
    one, other = (
        KeySet.from_jwks({"keys": [jwk("EdDSA", kid="1")]}, issuer=issuer) for issuer in "ab"
    )
    assert len(one + other) == 2
    with pytest.raises(ConfigError, match="kid"):
        one + one


def test_a_token_selects_by_kid_among_keys_of_its_algorithm() -> None:
    named = KeySet.from_jwks({"keys": [jwk("EdDSA", kid="a"), jwk("EdDSA", "b", kid="b")]})
    keys = named + KeySet.from_secret(SECRET)
    assert [key.kid for key in keys.candidates("EdDSA", "b")] == ["b"]
    assert [key.kid for key in keys.candidates("EdDSA", None)] == ["a", "b"]
    assert [key.kid for key in keys.candidates("HS256", "any")] == [None]
    assert keys.candidates("none", None) == []


def test_there_are_only_so_many_keys_and_tries() -> None:
    keys = KeySet()
    for _ in range(MAX_KEYS):
        keys += KeySet.from_secret(SECRET)
    assert len(keys.candidates("HS256", None)) == MAX_TRIED
    with pytest.raises(ConfigError, match="at most"):
        keys + KeySet.from_secret(SECRET)


def test_a_key_does_not_print_itself() -> None:
    [key] = KeySet.from_secret(SECRET, kid="k")
    assert "0123" not in f"{key!r} {[key]}"
    assert "HS256" in repr(key)
