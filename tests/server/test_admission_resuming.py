"""Coming back with a resume grant: the application is not asked again."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.asynchronous import run
from tidewire.errors import HandshakeRefused
from tidewire.security.grants import TTL_S, Grants
from tidewire.security.handshake import Handshake, read_handshake
from tidewire.security.origin import OriginPolicy
from tidewire.security.tickets import TicketOffice
from tidewire.security.user import User
from tidewire.server.admission import Admission
from tidewire.testing.clock import FakeClock


class Reception:
    """An admission whose application counts how often it is asked."""

    def __init__(self, **changed: Any) -> None:
        self.clock = FakeClock()
        self.grants = Grants(b"a secret that is long enough", self._is_revoked)
        self.asked = 0
        self.revoked_before = 0.0
        self._admission = Admission(
            origins=OriginPolicy((), cookies=True),
            allows_any_origin=False,
            verifier=None,
            tickets=TicketOffice(bytes),
            clock=self.clock,
            authenticate=self._who,
            is_revoked=self._is_revoked,
            grants=self.grants,
            **changed,
        )

    def _who(self, handshake: Handshake) -> User:
        self.asked += 1
        return User("ada", {"name": "Ada"})

    def _is_revoked(self, user: User, issued_at: float | None) -> bool:
        return (issued_at or 0.0) < self.revoked_before

    def come(self, grant: str | None = None, origin: bytes = b"https://app.example") -> User:
        offered = b"tidewire.v1" if grant is None else f"tidewire.v1, resume.{grant}".encode()
        headers = [
            (b"host", b"app.example"),
            (b"origin", origin),
            (b"cookie", b"session=1"),
            (b"sec-websocket-protocol", offered),
        ]
        handshake = read_handshake("/ws", b"", headers, client_ip="192.0.2.1", scheme="https")
        return run(self._admission.identify(handshake))

    def grant(self) -> str:
        made = self.grants.for_connection(self.come())
        assert isinstance(made, str)
        return made


@pytest.fixture
def reception() -> Reception:
    return Reception()


def test_whoever_comes_back_with_a_grant_is_let_in_unasked(reception: Reception) -> None:
    grant = reception.grant()
    reception.clock.advance(TTL_S - 1)
    assert reception.come(grant).info == {"name": "Ada"}
    assert reception.asked == 1


def test_a_grant_that_does_not_hold_is_as_if_it_was_not_there(reception: Reception) -> None:
    grant = reception.grant()
    reception.clock.advance(TTL_S)
    assert reception.come(grant).id == "ada"
    assert reception.come("rubbish").id == "ada"
    assert reception.asked == 3


def test_a_revoked_users_grant_opens_nothing(reception: Reception) -> None:
    """Catalogue 75."""
    grant = reception.grant()
    reception.clock.advance(1)
    reception.revoked_before = reception.clock.time()
    reception.come(grant)
    assert reception.asked == 2


def test_a_grant_does_not_let_another_page_in(reception: Reception) -> None:
    """Catalogue 9."""
    with pytest.raises(HandshakeRefused) as refusal:
        reception.come(reception.grant(), origin=b"https://evil.example")
    assert refusal.value.code == "forbidden_origin"
