"""Revocation: proofs of who somebody is that are no longer accepted, though not yet expired.

A revocation names a user, a login (``sid``), a token (``jti``) or a client, and a
moment: whatever was issued before it is void, so that a new login works. What says
nothing about when it was issued counts as old. Pure: ``now`` is the wall clock.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from tidewire.errors import CommandRefused
from tidewire.security.user import User

RevokedKind: TypeAlias = Literal["user", "session", "token", "client"]
PROOFS: tuple[RevokedKind, ...] = ("user", "session", "token")
"""What a proof can be recognised by. A client's id is new with each connection: there is nothing of
it to come back with, but the token that it was opened with."""

MAX_REVOCATIONS = 100_000
"""In force at a time; some 40 MiB. One more is refused, loudly: to forget an older one would let
somebody back in."""

SWEEP_EVERY_S = 60.0
"""Looking at all of them takes some 10 ms when full."""


class Revocation(Struct, frozen=True):
    """``subject`` is the user's id, the ``sid``, the ``jti`` or the client's id.

    ``issued_before`` and ``expires_at`` are Unix seconds; after the latter the
    last proof that it names has expired by itself.
    """

    kind: RevokedKind
    subject: str
    issued_before: float
    expires_at: float

    @property
    def key(self) -> str:
        """Its name in the map it is kept in."""
        return f"{self.kind}:{self.subject}"

    def names(self, user: User, client_id: str, issued_at: float | None) -> bool:
        """Whether it is about this client; ``issued_at`` None is long ago."""
        return self.subject == _subject(self.kind, user, client_id) and (
            issued_at is None or issued_at < self.issued_before
        )


class Revocations:
    """All that are in force. A second one of the same subject never weakens the first."""

    __slots__ = ("_by_key", "_capacity", "_swept_at")

    def __init__(self, capacity: int = MAX_REVOCATIONS) -> None:
        self._capacity = capacity
        self._by_key: dict[tuple[RevokedKind, str], Revocation] = {}
        self._swept_at = 0.0

    def __len__(self) -> int:
        return len(self._by_key)

    def check_room(self, revocation: Revocation) -> None:
        """Raise ``CommandRefused("limit")`` where there is none for one more."""
        is_new = (revocation.kind, revocation.subject) not in self._by_key
        if is_new and len(self._by_key) >= self._capacity:
            raise CommandRefused("limit", f"at most {self._capacity} revocations at a time")

    def joined(self, revocation: Revocation) -> Revocation:
        """``revocation`` with whatever is in force of the same subject."""
        known = self._by_key.get((revocation.kind, revocation.subject))
        if known is None:
            return revocation
        return Revocation(
            revocation.kind,
            revocation.subject,
            max(known.issued_before, revocation.issued_before),
            max(known.expires_at, revocation.expires_at),
        )

    def add(self, revocation: Revocation) -> None:
        """In force from now on. Full, it is not kept: ``check_room`` comes first."""
        key = (revocation.kind, revocation.subject)
        if key in self._by_key or len(self._by_key) < self._capacity:
            self._by_key[key] = self.joined(revocation)

    def is_revoked(self, user: User, issued_at: float | None) -> bool:
        """Whether a proof of ``user`` that was issued then is void."""
        if not self._by_key:
            return False
        found = (self._by_key.get((kind, _subject(kind, user, "") or "")) for kind in PROOFS)
        return any(each is not None and each.names(user, "", issued_at) for each in found)

    def sweep(self, now: float) -> None:
        """Let go of those whose time is over; does so once a minute, however often it is called."""
        if now >= self._swept_at + SWEEP_EVERY_S:
            self._swept_at = now
            self._by_key = {k: each for k, each in self._by_key.items() if each.expires_at > now}


def _subject(kind: RevokedKind, user: User, client_id: str) -> str | None:
    if kind == "user":
        return user.id
    if kind == "session":
        return user.session_id
    return user.token_id if kind == "token" else client_id
