"""A key set is read within bounds, from the address that was configured and no other."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.security.signing import jwk
from tests.support.asynchronous import run
from tests.support.issuer import Issuer, issuing
from tidewire.errors import ConfigError
from tidewire.server.jwks_fetch import MAX_BYTES, fetch_keys


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with issuing(jwk("EdDSA", kid="one")) as found:
        yield found


def _complaint(issuer: Issuer, timeout_s: float = 30.0) -> str:
    with pytest.raises(ConfigError) as caught:
        run(fetch_keys(issuer.url, timeout_s=timeout_s))
    return str(caught.value)


def test_the_keys_of_the_address_are_read(issuer: Issuer) -> None:
    (key,) = run(fetch_keys(issuer.url, issuer="https://issuer.example"))
    assert (key.kid, key.issuer) == ("one", "https://issuer.example")


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"keys":[]}', b"[" * 100_000])
def test_what_is_no_key_set_is_one_sentence(issuer: Issuer, body: bytes) -> None:
    issuer.body = body
    assert "\n" not in _complaint(issuer)


def test_an_answer_without_end_is_not_read_to_it(issuer: Issuer) -> None:
    issuer.body = b" " * (MAX_BYTES + 1)
    assert "too long for a key set" in _complaint(issuer)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(issuer: Issuer, status: int) -> None:
    """Catalogue 23: the configured address is the only one that is asked."""
    with issuing(jwk("EdDSA", kid="two")) as other:
        issuer.status, issuer.headers = status, {"Location": other.url}
        assert f"answers {status}" in _complaint(issuer)
        assert other.asked == 0


def test_an_error_of_the_issuers_is_one_sentence(issuer: Issuer) -> None:
    issuer.status = 500
    assert "answers 500 instead of a key set" in _complaint(issuer)


def test_an_issuer_that_is_away_is_one_sentence(issuer: Issuer) -> None:
    issuer.url = "http://127.0.0.1:1/keys"
    assert _complaint(issuer) == "cannot read http://127.0.0.1:1/keys: Connection refused"


def test_an_issuer_that_never_answers_is_waited_for_in_bounds(issuer: Issuer) -> None:
    issuer.may_answer.clear()
    assert re.search("did not answer within 0.1 s|timed out", _complaint(issuer, timeout_s=0.1))


def test_a_password_in_the_address_is_not_shown(issuer: Issuer) -> None:
    issuer.status = 500
    issuer.url = issuer.url.replace("http://", "http://user:hidden@") + "?key=hidden"
    assert "hidden" not in _complaint(issuer)
