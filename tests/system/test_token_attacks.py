"""Tokens that must open nothing, catalogue 19 to 25, through a real handshake."""

from __future__ import annotations

import base64
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.support.processes import ServerProcess
from tests.support.tokens import (
    SECRET,
    bearer,
    claims,
    hmac_token,
    public_pem,
    rsa_token,
    unsigned_token,
)

ISSUER = "https://issuer.example"
HERE = {"aud": "tidewire", "iss": ISSUER}
HOUR_S = 3600


class Guarded(NamedTuple):
    """A server that knows a shared secret and a public key, and one key of each kind."""

    server: ServerProcess
    key: rsa.RSAPrivateKey

    def status(self, token: str) -> int:
        """What an upgrade with ``token`` is answered."""
        with self.server.connect() as connection:
            return connection.handshake(bearer(token)).status


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    path = _written(tmp_path_factory.mktemp("keys") / "public.pem", public_pem(key))
    config = f"""
        [auth]
        secrets = ["{SECRET}"]
        public_key_files = ["RS256:{path}"]
        audience = "tidewire"
        issuer = "{ISSUER}"
    """
    with ServerProcess(config) as server:
        yield Guarded(server, key)
        assert "eyJ" not in server.log(), "a token was logged"


def _written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_good_tokens_of_both_keys_open(guarded: Guarded) -> None:
    """Without this, every refusal below proves nothing."""
    assert guarded.status(hmac_token(claims(**HERE))) == 101
    assert guarded.status(rsa_token(claims(**HERE), guarded.key)) == 101


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", "", "HS256", "RS256"])
def test_an_unsigned_token_opens_nothing(guarded: Guarded, alg: str) -> None:
    """Catalogue 19."""
    assert guarded.status(unsigned_token(claims(**HERE), alg=alg)) == 401


def test_a_public_key_is_not_taken_for_a_shared_secret(guarded: Guarded) -> None:
    """Catalogue 19: everybody has the public key, and could sign with it."""
    pem = public_pem(guarded.key)
    for secret in (pem, pem.strip(), pem.replace(b"\n", b"\r\n")):
        assert guarded.status(hmac_token(claims(**HERE), secret=secret)) == 401


@pytest.mark.parametrize("alg", ["HS384", "RS256", "ES256", "HS256 ", ["HS256"], None, 256])
def test_a_token_does_not_choose_how_it_is_checked(guarded: Guarded, alg: object) -> None:
    """Catalogue 19: the signature is good, for the algorithm the key is for."""
    assert guarded.status(hmac_token(claims(**HERE), alg=alg)) == 401


@pytest.mark.parametrize("crit", [["exp"], ["b64"], ["unknown"], [], "exp", None])
def test_a_token_that_demands_the_unknown_opens_nothing(guarded: Guarded, crit: object) -> None:
    """Catalogue 20 (RFC 7515 section 4.1.11: what is critical and unknown must be refused)."""
    assert guarded.status(hmac_token(claims(**HERE), crit=crit, unknown=1)) == 401


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "https://evil.example"},
        {"iss": ISSUER + ".evil.example"},
        {"iss": "https://issuer"},
        {"iss": [ISSUER]},
        {"iss": None},
        {"aud": "other"},
        {"aud": "tide"},
        {"aud": ["other", "tidewire2"]},
        {"aud": []},
        {"aud": None},
    ],
    ids=str,
)
def test_a_token_for_or_from_somebody_else_opens_nothing(
    guarded: Guarded, changed: dict[str, object]
) -> None:
    """Catalogue 21."""
    assert guarded.status(hmac_token(claims(**{**HERE, **changed}))) == 401


@pytest.mark.parametrize(
    "changed",
    [
        {"exp": None},
        pytest.param({"exp": int(time.time()) - HOUR_S}, id="expired"),
        {"exp": 0},
        {"exp": -1},
        {"exp": "tomorrow"},
        {"exp": True},
        {"exp": float("inf")},
        {"exp": float("nan")},
        pytest.param({"exp": 10**400}, id="larger than a double"),
        pytest.param({"nbf": int(time.time()) + HOUR_S}, id="not yet"),
        {"nbf": "tomorrow"},
    ],
    ids=str,
)
def test_a_token_outside_its_time_opens_nothing(
    guarded: Guarded, changed: dict[str, object]
) -> None:
    """Catalogue 22."""
    assert guarded.status(hmac_token(claims(**{**HERE, **changed}))) == 401


def test_a_token_that_outlives_us_all_opens_nothing(guarded: Guarded) -> None:
    """Catalogue 22: the year 9999 is a mistake, and would never be noticed as one."""
    far = int(time.mktime((9999, 12, 31, 0, 0, 0, 0, 0, 0)))
    assert guarded.status(hmac_token(claims(**HERE, exp=far))) == 401


def test_a_token_cannot_make_the_server_fetch_its_own_key(guarded: Guarded) -> None:
    """Catalogue 23: a listener that nobody may call."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/keys"
        for name in ("jku", "x5u", "kid"):
            assert guarded.status(rsa_token(claims(**HERE), _other_key(), **{name: url})) == 401
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_a_token_cannot_bring_its_own_key(guarded: Guarded) -> None:
    """Catalogue 23."""
    octets = base64.urlsafe_b64encode(b"x" * 32).decode().rstrip("=")
    jwk = {"kty": "oct", "k": octets, "alg": "HS256"}
    assert guarded.status(hmac_token(claims(**HERE), secret=b"x" * 32, jwk=jwk)) == 401


@pytest.mark.parametrize(
    "kid", ["/etc/passwd", "../../../dev/null", "' OR 1=1 --", "\0", "k" * 5000, 7, {"a": 1}]
)
def test_a_key_id_is_never_a_path(guarded: Guarded, kid: object) -> None:
    """Catalogue 23: an empty file as the key would make an empty secret."""
    assert guarded.status(hmac_token(claims(**HERE), secret=b"", kid=kid)) == 401


@pytest.mark.parametrize("sub", [None, "", 7, ["ada"], {"a": 1}, "x" * 3000], ids=repr)
def test_a_token_names_one_user(guarded: Guarded, sub: object) -> None:
    """Catalogue 25."""
    assert guarded.status(hmac_token(claims(**{**HERE, "sub": sub}))) == 401


@pytest.mark.parametrize(
    "token", ["", ".", "..", "a.b", "a.b.c", "a.b.c.d", "e30.e30.", "x" * 9000]
)
def test_what_is_no_token_opens_nothing(guarded: Guarded, token: str) -> None:
    assert guarded.status(token) in (400, 401)


def test_a_ticket_and_a_token_cannot_stand_in_for_each_other(guarded: Guarded) -> None:
    """Catalogue 25: what is good in one place is nothing in another."""
    token = hmac_token(claims(**HERE))
    ticket = _ticket(guarded.server, token)
    assert guarded.status(ticket) == 401
    for wrong in (f"bearer.{ticket}", f"ticket.{token}", f"rt.ticket.{ticket}"):
        with guarded.server.connect() as connection:
            answer = connection.handshake(("Sec-WebSocket-Protocol", f"tidewire.v1, {wrong}"))
            assert answer.status == 401


def test_a_ticket_opens_once(guarded: Guarded) -> None:
    """Catalogue 25."""
    ticket = _ticket(guarded.server, hmac_token(claims(**HERE)))
    offered = ("Sec-WebSocket-Protocol", f"tidewire.v1, ticket.{ticket}")
    with guarded.server.connect() as first, guarded.server.connect() as second:
        answer = first.handshake(offered)
        assert (answer.status, answer.header("sec-websocket-protocol")) == (101, "tidewire.v1")
        assert second.handshake(offered).status == 401


def test_two_credentials_that_disagree_open_nothing(guarded: Guarded) -> None:
    """Which of them counts must not depend on who reads the request."""
    ada, bob = hmac_token(claims(**HERE)), hmac_token(claims(**{**HERE, "sub": "bob"}))
    with guarded.server.connect() as connection:
        assert connection.handshake(bearer(ada), bearer(bob)).status in (400, 401)


def _ticket(server: ServerProcess, token: str) -> str:
    name, value = bearer(token)
    head = (
        f"POST /api/ticket HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n{name}: {value}\r\n"
        "Content-Length: 0\r\n\r\n"
    )
    with server.connect() as connection:
        answer = connection.ask(head.encode())
    assert answer.status == 200, answer
    ticket: str = json.loads(answer.body)["ticket"]
    return ticket


def _other_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)
