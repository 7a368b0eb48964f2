"""Tokens of an identity provider, whose keys the server fetches and renews."""

from __future__ import annotations

import subprocess
import sys
import time

from tests.security.signing import jwk, private_pem
from tests.support.issuer import issuing
from tests.support.processes import ServerProcess
from tests.support.tokens import bearer
from tidewire.security.tokens import TokenIssuer

CANNOT_START = 3


def _token(name: str) -> str:
    """Signed with the issuer's key ``name``."""
    issuer = TokenIssuer(private_pem("EdDSA", name), "EdDSA", kid=name)
    return issuer.issue("ada", now=time.time())


def _status(server: ServerProcess, token: str) -> int:
    with server.connect() as connection:
        return connection.handshake(bearer(token)).status


def test_tokens_of_the_published_keys_are_let_in_and_no_others() -> None:
    with issuing(jwk("EdDSA", "one", kid="one")) as issuer:
        with ServerProcess(f'[auth]\njwks_url = "{issuer.url}"') as server:
            assert _status(server, _token("one")) == 101
            assert _status(server, _token("two")) == 401
        assert issuer.asked == 1, "a key id nobody has is no reason to ask again at once"


def test_an_issuer_that_is_away_at_the_start_is_one_sentence() -> None:
    command = [sys.executable, "-m", "tidewire", "serve", "--port", "0"]
    environment = {"TIDEWIRE_AUTH__JWKS_URL": "http://127.0.0.1:1/keys"}
    ended = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert ended.returncode == CANNOT_START
    complaints = [line for line in ended.stderr.decode().splitlines() if "jwks_url" in line]
    assert len(complaints) == 1
    assert "cannot read http://127.0.0.1:1/keys: Connection refused" in complaints[0]
