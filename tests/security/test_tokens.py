"""A token opens the door for its own user, here, now, and for nothing else."""

from __future__ import annotations

import hmac
import json
from typing import Any

import jwt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.security.signing import (
    PUBLIC_ALGORITHMS,
    SECRET,
    base64url,
    jwk,
    private_pem,
    public_pem,
    signed_by_hand,
    unsigned,
)
from tidewire.errors import ConfigError
from tidewire.security.refusals import TokenRefused
from tidewire.security.tokens import (
    MAX_LIFETIME_S,
    MAX_TOKEN_LENGTH,
    KeySet,
    TokenIssuer,
    TokenVerifier,
)
from tidewire.security.user import User

NOW = 1_700_000_000.0
CLAIMS: dict[str, Any] = {"sub": "alice", "exp": NOW + 60}
LEEWAY_S = 10.0
issuer = TokenIssuer(SECRET)
verifier = TokenVerifier(KeySet.from_secret(SECRET), leeway_s=LEEWAY_S)


def _token(**claims: Any) -> str:
    """Signed with the right secret; a claim given as None is left out."""
    merged = {**CLAIMS, **claims}
    return issuer.sign({name: value for name, value in merged.items() if value is not None})


def _refusal(token: str, by: TokenVerifier = verifier, now: float = NOW) -> TokenRefused:
    with pytest.raises(TokenRefused) as caught:
        by.verify(token, now)
    assert caught.value.status == 401
    assert dict(caught.value.headers) == {"www-authenticate": "Bearer"}
    return caught.value


def _is_unauthorized(token: str, by: TokenVerifier = verifier) -> bool:
    return _refusal(token, by).code == "unauthorized"


# --- what is let in ------------------------------------------------------------------------------


def test_an_issued_token_is_its_user() -> None:
    token = issuer.issue("alice", now=NOW, ttl_s=60, info={"name": "Alice"}, token_id="t1")
    assert verifier.verify(token, NOW) == User(
        "alice", {"name": "Alice"}, expires_at=NOW + 60 + LEEWAY_S, token_id="t1", issued_at=NOW
    )


@pytest.mark.parametrize("algorithm", PUBLIC_ALGORITHMS)
def test_every_public_key_algorithm_verifies_its_own_tokens(algorithm: str) -> None:
    token = TokenIssuer(private_pem(algorithm), algorithm).issue("alice", now=NOW)
    keys = KeySet.from_pem(public_pem(algorithm), algorithm)
    assert TokenVerifier(keys).verify(token, NOW).id == "alice"
    other = KeySet.from_pem(public_pem(algorithm, "other"), algorithm)
    assert _is_unauthorized(token, TokenVerifier(other))


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_every_secret_algorithm_verifies_its_own_tokens(algorithm: str) -> None:
    token = TokenIssuer(SECRET, algorithm).issue("alice", now=NOW)
    assert TokenVerifier(KeySet.from_secret(SECRET, algorithm)).verify(token, NOW).id == "alice"
    assert _is_unauthorized(token, TokenVerifier(KeySet.from_secret(SECRET[::-1], algorithm)))


def test_a_token_of_another_library_is_let_in() -> None:
    token = jwt.encode({**CLAIMS, "iat": NOW, "custom": [1]}, SECRET, headers={"kid": "unknown"})
    assert verifier.verify(token, NOW).id == "alice"


def test_old_and_new_secret_both_serve_while_keys_rotate() -> None:
    both = TokenVerifier(KeySet.from_secret(SECRET[::-1]) + KeySet.from_secret(SECRET))
    assert both.verify(_token(), NOW).id == "alice"
    both.keys = KeySet.from_secret(SECRET[::-1])
    assert _is_unauthorized(_token(), both)


@pytest.mark.parametrize("kind", ["JWT", "jwt", "at+jwt", None])
def test_plain_and_access_tokens_are_for_connecting(kind: str | None) -> None:
    assert verifier.verify(issuer.sign(CLAIMS, {"typ": kind}), NOW).id == "alice"
    assert verifier.verify(_token(typ="connection"), NOW).id == "alice"


# --- signatures ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["none", "None", "NONE", "nOnE", "", None])
def test_a_token_that_says_it_needs_no_signature_is_refused(name: str | None) -> None:
    """Catalogue 19."""
    assert _is_unauthorized(unsigned({"alg": name}, CLAIMS))
    assert _is_unauthorized(unsigned({"alg": name, "typ": "JWT"}, CLAIMS, b"x" * 32))


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_a_token_signed_with_the_public_key_as_a_secret_is_refused(algorithm: str) -> None:
    """Catalogue 19."""
    pem = public_pem(algorithm)
    forged = signed_by_hand({}, json.dumps(CLAIMS), secret=pem)
    assert _is_unauthorized(forged, TokenVerifier(KeySet.from_pem(pem)))


def test_a_key_of_a_jwks_document_verifies_with_its_own_algorithm_only() -> None:
    """Catalogue 19: the same RSA key, another algorithm than the document says."""
    by = TokenVerifier(KeySet.from_jwks({"keys": [jwk("RS256", kid="k")]}))
    key = private_pem("RS256")
    assert by.verify(TokenIssuer(key, "RS256", kid="k").issue("alice", now=NOW), NOW)
    assert _is_unauthorized(TokenIssuer(key, "RS512", kid="k").issue("alice", now=NOW), by)


@given(st.data())
@settings(deadline=None)
def test_no_changed_byte_of_a_token_goes_unnoticed(data: st.DataObject) -> None:
    token = _token()
    at = data.draw(st.integers(0, len(token) - 1))
    changed = token[:at] + data.draw(st.characters(exclude_characters=token[at])) + token[at + 1 :]
    _refusal(changed)


@given(st.text(max_size=200) | st.from_regex(r"[\w-]{0,50}(\.[\w-]{0,50}){0,4}", fullmatch=True))
@settings(deadline=None)
def test_any_text_at_all_is_refused_and_not_repeated(text: str) -> None:
    refusal = _refusal(text)
    assert len(text) < 8 or text not in str(refusal)


@pytest.mark.parametrize("header", ["[]", "7", "{", '{"alg":["HS256"]}', "[" * 5000, '{"a":1e999}'])
def test_a_header_that_is_no_header_is_refused(header: str) -> None:
    assert _is_unauthorized(f"{base64url(header.encode())}.e30.c2ln")


def test_a_token_longer_than_any_is_refused_before_it_is_read() -> None:
    assert "too long" in str(_refusal("a" * (MAX_TOKEN_LENGTH + 1)))


def test_a_signature_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catalogue 80: the comparison of the standard library does it, on every HMAC."""
    compared: list[int] = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append(len(one))
        return one == other

    monkeypatch.setattr(hmac, "compare_digest", compare)
    verifier.verify(_token(), NOW)
    assert compared == [32]


# --- headers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("crit", [["exp"], ["b64"], ["x"], [], "x", None, [7]])
def test_a_critical_extension_is_refused_whatever_it_is(crit: object) -> None:
    """Catalogue 20: RFC 7515 section 4.1.11; we understand none."""
    header = {"crit": crit, "x": 1, "b64": True}
    assert _is_unauthorized(signed_by_hand(header, json.dumps(CLAIMS)))


@pytest.mark.parametrize(
    "header",
    [
        {"jku": "https://evil.example/keys"},
        {"x5u": "https://evil.example/cert"},
        {"kid": "../../dev/null"},
        {"kid": "https://evil.example/keys"},
        {"kid": "' OR 1=1 --"},
        {"jwk": jwk("EdDSA", "mallory")},
    ],
    ids=lambda header: next(iter(header)),
)
def test_a_key_that_a_token_brings_or_points_to_is_never_used(header: dict[str, Any]) -> None:
    """Catalogue 23: the room has no way to fetch or open anything, and tries no such key."""
    forged = TokenIssuer(private_pem("EdDSA", "mallory"), "EdDSA").sign(CLAIMS, header)
    by = TokenVerifier(KeySet.from_jwks({"keys": [jwk("EdDSA", kid="k")]}))
    assert _is_unauthorized(forged, by)


def test_no_claim_is_looked_at_before_the_signature() -> None:
    """Catalogue 23: an expired forgery is a forgery, not an expired token."""
    forged = TokenIssuer(SECRET[::-1]).sign({**CLAIMS, "exp": 1})
    assert _is_unauthorized(forged)


# --- issuer, audience, purpose -------------------------------------------------------------------


@pytest.mark.parametrize(
    "iss", [None, "", "https://id.example.evil", "https://id.exampl", "https://ID.example", "https"]
)
def test_another_issuer_is_refused_even_if_it_is_part_of_the_right_one(iss: str | None) -> None:
    """Catalogue 21."""
    by = TokenVerifier(KeySet.from_secret(SECRET), issuer="https://id.example")
    assert by.verify(_token(iss="https://id.example"), NOW)
    assert _is_unauthorized(_token(iss=iss), by)


@pytest.mark.parametrize("aud", [None, "", "chat2", "cha", ["other"], [], ["chat2", "CHAT"], 7, {}])
def test_a_wrong_or_missing_audience_is_refused(aud: object) -> None:
    """Catalogue 21."""
    by = TokenVerifier(KeySet.from_secret(SECRET), audience="chat")
    assert by.verify(_token(aud="chat"), NOW)
    assert by.verify(_token(aud=["other", "chat"]), NOW)
    assert _is_unauthorized(_token(aud=aud), by)


def test_a_key_verifies_its_own_issuers_tokens_only() -> None:
    """Catalogue 24: the same kid at two issuers; neither can speak for the other."""
    by = TokenVerifier(
        KeySet.from_jwks({"keys": [jwk("EdDSA", "a", kid="1")]}, issuer="a")
        + KeySet.from_jwks({"keys": [jwk("EdDSA", "b", kid="1")]}, issuer="b")
    )
    for signs in "ab":
        for claims in "ab":
            token = TokenIssuer(private_pem("EdDSA", signs), "EdDSA", kid="1", issuer=claims)
            issued = token.issue("alice", now=NOW)
            if signs == claims:
                assert by.verify(issued, NOW).id == "alice"
            else:
                assert _is_unauthorized(issued, by)


@pytest.mark.parametrize(
    "claims",
    [{"channel": "news"}, {"typ": "subscription"}, {"typ": "Refresh"}, {"typ": "ID"}, {"typ": 7}],
    ids=str,
)
def test_a_token_for_something_else_does_not_connect(claims: dict[str, Any]) -> None:
    """Catalogue 25."""
    assert _is_unauthorized(_token(**claims))


@pytest.mark.parametrize("kind", ["subscription+jwt", "dpop+jwt", "secevent+jwt", 7, ["JWT"], ""])
def test_a_header_that_names_another_purpose_does_not_connect(kind: object) -> None:
    """Catalogue 25."""
    assert _is_unauthorized(signed_by_hand({"typ": kind}, json.dumps(CLAIMS)))


# --- times ---------------------------------------------------------------------------------------


def test_an_expired_token_says_to_get_a_new_one() -> None:
    """Catalogue 22."""
    assert _refusal(_token(exp=NOW - 10)).code == "token_expired"
    assert verifier.verify(_token(exp=NOW - 9), NOW).expires_at == NOW + 1


def test_who_comes_in_on_leeway_is_let_stay_for_the_rest_of_it() -> None:
    """Catalogue 22: one rule, so that nobody is let in only to be closed at once."""
    user = verifier.verify(_token(exp=NOW - LEEWAY_S + 1), NOW)
    assert user.expires_at is not None
    assert user.expires_at > NOW


def test_a_key_id_nobody_has_is_told_apart_from_a_wrong_signature() -> None:
    by = TokenVerifier(KeySet.from_secret(SECRET, kid="old"))
    named = [TokenIssuer(SECRET, kid=kid).sign(CLAIMS) for kid in ("new", "old", None)]
    assert [by.names_unknown_key(token) for token in named] == [True, False, False]


@pytest.mark.parametrize("token", ["", "a.b.c", "e30.e30.", "." * 20_000])
def test_what_is_no_token_names_no_key_either(token: str) -> None:
    assert not verifier.names_unknown_key(token)


def test_an_expired_token_with_another_fault_is_no_use_renewing() -> None:
    by = TokenVerifier(KeySet.from_secret(SECRET), audience="chat")
    assert _is_unauthorized(_token(exp=NOW - 10), by)


@pytest.mark.parametrize("exp", [None, "never", str(NOW + 60), True, [], 253_402_300_799, 1e300])
def test_a_token_without_a_near_end_is_refused(exp: object) -> None:
    """Catalogue 22: absent, no number, or in the year 9999."""
    assert _is_unauthorized(_token(exp=exp))


def test_a_token_may_last_a_year_and_no_longer() -> None:
    """Catalogue 22."""
    assert verifier.verify(_token(exp=NOW + MAX_LIFETIME_S), NOW)
    assert _is_unauthorized(_token(exp=NOW + MAX_LIFETIME_S + 1))


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400", "1e99999"])
def test_an_end_that_is_no_json_number_is_refused(number: str) -> None:
    """Catalogue 22 and 50."""
    claims = json.dumps(CLAIMS).replace(str(CLAIMS["exp"]), number)
    assert _is_unauthorized(signed_by_hand({}, claims))


@pytest.mark.parametrize("claim", ["nbf", "iat"])
def test_a_token_from_the_future_waits_for_its_time(claim: str) -> None:
    """Catalogue 22."""
    assert verifier.verify(_token(**{claim: NOW + 10}), NOW)
    assert _is_unauthorized(_token(**{claim: NOW + 11}))


@pytest.mark.parametrize("leeway_s", [-1.0, 30.1, float("nan")])
def test_clocks_are_forgiven_half_a_minute_at_most(leeway_s: float) -> None:
    """Catalogue 22."""
    with pytest.raises(ConfigError, match="leeway"):
        TokenVerifier(KeySet(), leeway_s=leeway_s)


# --- the user ------------------------------------------------------------------------------------


@pytest.mark.parametrize("sub", [None, "", "a\nb", "a" * 129, 17, ["alice"], " alice"])
def test_a_token_for_nobody_we_could_show_is_refused(sub: object) -> None:
    assert _is_unauthorized(_token(sub=sub))


def test_info_too_large_to_show_is_refused() -> None:
    assert _is_unauthorized(_token(info="x" * 1025))


@given(st.sampled_from(["sub", "exp", "nbf", "iat", "aud", "iss", "jti", "typ", "info"]), st.data())
@settings(deadline=None)
def test_no_claims_value_is_ever_in_the_text_of_a_refusal(claim: str, data: st.DataObject) -> None:
    """Catalogue 18: the text goes to the log."""
    marker = "s3cret-value"
    value = data.draw(st.sampled_from([marker, [marker], {marker: marker}, marker * 200]))
    try:
        by = TokenVerifier(KeySet.from_secret(SECRET), audience="chat", issuer="me")
        by.verify(_token(**{claim: value}), NOW)
    except TokenRefused as refusal:
        assert marker not in f"{refusal} {refusal!r} {refusal.__cause__} {refusal.__context__}"  # noqa: PT017


# --- what a token says about channels ---------------------------------------------------------


def test_a_token_says_what_its_user_may_do_and_where_it_is_subscribed() -> None:
    said = {
        "sid": "login-7",
        "channels": {"chat:{room}": ["subscribe", "publish"], "news": ["history"]},
        "subscribe": ["news", "user:ada"],
    }
    user = verifier.verify(_token(**said), NOW)
    assert user.session_id == "login-7"
    assert user.capabilities == (
        ("chat:{room}", frozenset({"subscribe", "publish"})),
        ("news", frozenset({"history"})),
    )
    assert user.subscriptions == ("news", "user:ada")


@pytest.mark.parametrize(
    "said",
    [
        {"channels": ["news"]},
        {"channels": {"news": "publish"}},
        {"channels": {"news": ["everything"]}},
        {"channels": {"": ["publish"]}},
        {"channels": {str(number): [] for number in range(33)}},
        {"subscribe": "news"},
        {"subscribe": [""]},
        {"subscribe": [str(number) for number in range(129)]},
        {"sid": 7},
        {"sid": ""},
        {"sid": "x" * 129},
    ],
)
def test_a_claim_about_channels_that_cannot_be_meant_refuses_the_token(
    said: dict[str, Any],
) -> None:
    """Catalogue 25 and 57: a claim half understood would let in too little, or too much."""
    assert _is_unauthorized(_token(**said))
