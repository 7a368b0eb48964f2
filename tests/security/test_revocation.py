"""What is no longer accepted, though it has not expired."""

from __future__ import annotations

import pytest

from tidewire.errors import CommandRefused
from tidewire.security.revocation import SWEEP_EVERY_S, Revocation, Revocations, RevokedKind
from tidewire.security.user import User

ADA = User("ada", token_id="t-1", session_id="s-1", issued_at=100.0)


def _revocations(
    kind: RevokedKind, subject: str, before: float = 200.0, until: float = 1000.0
) -> Revocations:
    revocations = Revocations()
    revocations.add(Revocation(kind, subject, before, until))
    return revocations


@pytest.mark.parametrize(
    ("kind", "subject"), [("user", "ada"), ("session", "s-1"), ("token", "t-1")]
)
def test_a_proof_is_void_by_its_user_login_or_token(kind: RevokedKind, subject: str) -> None:
    assert _revocations(kind, subject).is_revoked(ADA, ADA.issued_at)


@pytest.mark.parametrize(
    ("kind", "subject"), [("user", "bob"), ("session", "s-2"), ("token", "ada"), ("client", "")]
)
def test_others_are_not_meant(kind: RevokedKind, subject: str) -> None:
    assert not _revocations(kind, subject).is_revoked(ADA, ADA.issued_at)


def test_a_login_after_the_revocation_works() -> None:
    revocations = _revocations("user", "ada")
    assert revocations.is_revoked(ADA, 199.9)
    assert not revocations.is_revoked(ADA, 200.0)


def test_what_does_not_say_when_it_was_issued_counts_as_old() -> None:
    assert _revocations("user", "ada").is_revoked(User("ada"), None)


def test_a_second_revocation_never_weakens_the_first() -> None:
    revocations = _revocations("user", "ada", before=200.0)
    revocations.add(Revocation("user", "ada", 150.0, 500.0))
    assert revocations.is_revoked(ADA, 199.0)
    revocations.sweep(900.0)
    assert len(revocations) == 1


def test_it_is_forgotten_when_the_last_proof_has_expired() -> None:
    revocations = _revocations("user", "ada", until=1000.0)
    revocations.sweep(999.0)
    assert len(revocations) == 1
    revocations.sweep(999.0 + SWEEP_EVERY_S)
    assert len(revocations) == 0


def test_one_too_many_is_refused_rather_than_an_older_one_forgotten() -> None:
    revocations = Revocations(capacity=1)
    first = Revocation("user", "ada", 200.0, 1000.0)
    revocations.add(first)
    revocations.check_room(first)  # the same again needs no room
    with pytest.raises(CommandRefused):
        revocations.check_room(Revocation("user", "bob", 200.0, 1000.0))
    assert revocations.is_revoked(ADA, 100.0)


def test_a_client_is_recognised_by_its_id() -> None:
    revocation = Revocation("client", "c-1", 200.0, 1000.0)
    assert revocation.names(ADA, "c-1", None)
    assert not revocation.names(ADA, "c-2", None)
