"""Tickets: for browsers that can send neither a header nor a cookie with an upgrade.

The application's page asks for one over HTTPS, as the user it knows, and shows it
once within seconds. Only its hash is kept, so neither memory nor a dump of it
opens the door; and since the lookup is by hash, its timing tells nothing about a
ticket (catalogue 80). Known to this process only.
"""

from __future__ import annotations

import base64
import hashlib
from collections import OrderedDict

from msgspec import Struct

from tidewire.errors import HandshakeRefused
from tidewire.security.ids import RandomBytes
from tidewire.security.refusals import TokenRefused
from tidewire.security.user import User

TICKET_BYTES = 16
"""128 bits: not to be guessed within a ticket's life."""

DEFAULT_TTL_S = 30.0
"""From the page's request to its upgrade, on a slow phone."""

DEFAULT_CAPACITY = 100_000
"""Three thousand new clients a second for a ticket's whole life; some 40 MB when full."""


class _Kept(Struct, frozen=True, gc=False):
    user: User
    origin: str | None
    expires_at: float


class TicketOffice:
    """Issues tickets, and takes each back once.

    Full, it refuses to issue: throwing out the oldest would let whoever may ask
    for tickets void everybody else's. ``now`` is the wall clock in seconds.
    """

    __slots__ = ("_capacity", "_kept", "_random_bytes", "_ttl_s")

    def __init__(
        self,
        random_bytes: RandomBytes,
        *,
        ttl_s: float = DEFAULT_TTL_S,
        capacity: int = DEFAULT_CAPACITY,
    ) -> None:
        self._random_bytes = random_bytes
        self._ttl_s = ttl_s
        self._capacity = capacity
        self._kept: OrderedDict[bytes, _Kept] = OrderedDict()  # by issue, so by expiry

    def __len__(self) -> int:
        return len(self._kept)

    def issue(self, user: User, origin: str | None, now: float) -> str:
        """A ticket for one upgrade by ``user`` from ``origin`` (None: not from a browser)."""
        self._forget_expired(now)
        if len(self._kept) >= self._capacity:
            raise HandshakeRefused(
                503, "unavailable", "too many tickets are waiting", retry_after_s=self._ttl_s
            )
        ticket = base64.urlsafe_b64encode(self._random_bytes(TICKET_BYTES)).rstrip(b"=").decode()
        self._kept[_digest(ticket)] = _Kept(user, origin, now + self._ttl_s)
        return ticket

    def redeem(self, ticket: str, origin: str | None, now: float) -> User:
        """The user, once. Shown from elsewhere a ticket is spent all the same."""
        self._forget_expired(now)
        kept = self._kept.pop(_digest(ticket), None)
        if kept is None or kept.expires_at <= now or kept.origin != origin:
            # One answer for all: whether a ticket ever existed is nobody's business.
            raise TokenRefused("the ticket is unknown, used or expired", code="token_expired")
        return kept.user

    def _forget_expired(self, now: float) -> None:
        """A wall clock set back keeps some a little longer; ``redeem`` looks at each one's own."""
        while self._kept:
            digest, kept = next(iter(self._kept.items()))
            if kept.expires_at > now:
                return
            del self._kept[digest]


def _digest(ticket: str) -> bytes:
    return hashlib.sha256(ticket.encode()).digest()
