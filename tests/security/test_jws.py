"""A token is taken apart in the one way its issuer put it together, or not at all."""

from __future__ import annotations

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from tests.security.signing import base64url
from tidewire.security.jws import read_compact
from tidewire.security.refusals import TokenRefused

HEAD = base64url(b'{"alg":"HS256"}')


def _is_refused(token: str) -> bool:
    with pytest.raises(TokenRefused, match="malformed"):
        read_compact(token.encode())
    return True


@given(st.binary(), st.binary())
def test_the_parts_come_out_as_they_went_in(payload: bytes, signature: bytes) -> None:
    token = f"{HEAD}.{base64url(payload)}.{base64url(signature)}"
    compact = read_compact(token.encode())
    assert (compact.payload, compact.signature) == (payload, signature)
    assert compact.message == token.rpartition(".")[0].encode()


def test_a_header_of_another_library_is_read() -> None:
    token = jwt.encode({"sub": "alice"}, "s" * 32, "HS256", headers={"kid": "k1"})
    header = read_compact(token.encode()).header
    assert (header.alg, header.kid, header.typ, header.crit) == ("HS256", "k1", "JWT", UNSET)


@pytest.mark.parametrize(
    "signature",
    ["c2ln=", "c2ln====", "c2l", "c2ln\n", "c2 ln", "c2.ln", "c2-n+", "c", "!!!!"],
)
def test_a_part_written_in_any_other_way_is_refused(signature: str) -> None:
    """One token, one text: nothing hides between the letters, or in the bits behind the last."""
    assert _is_refused(f"{HEAD}.e30.{signature}")


@pytest.mark.parametrize("token", ["", ".", "..", HEAD, f"{HEAD}.e30", f"{HEAD}.e30.c2ln.c2ln"])
def test_a_token_of_more_or_fewer_parts_is_refused(token: str) -> None:
    assert _is_refused(token)
