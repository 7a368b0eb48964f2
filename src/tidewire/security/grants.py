"""Grants: the server's own word, signed, that an application has let somebody in.

A client shows it when it comes back, and the application's database is left in
peace. A grant is bound to its purpose, its user and its channel (catalogue 25), lasts
five minutes from the decision, and is void once its user has been revoked.
``now`` is the wall clock in Unix seconds.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from typing import TypeAlias, TypeVar

import msgspec
from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from tidewire.security.user import User

TTL_S = 300.0
"""A restart, a train's tunnel, a closed lid; and how long what was allowed may outlive a changed
mind that nobody told the server of."""

MAX_LENGTH = 1024
"""Of the grant as text: it has to fit a header among others. A user with more info than that is
asked after again."""

IsRevoked: TypeAlias = Callable[[User, float | None], bool]
"""Whether what was issued to the user, or decided for it, at that time has been revoked since."""

KEY_LABEL = b"tidewire resume grants, version 1"


class _Connection(Struct, frozen=True, tag="connection", tag_field="for", omit_defaults=True):
    """Who somebody is."""

    user: User
    decided: float


class _Subscription(Struct, frozen=True, tag="subscription", tag_field="for"):
    """That somebody may subscribe to a channel."""

    user_id: str
    session_id: str | None
    channel: str
    decided: float


Kind = TypeVar("Kind", _Connection, _Subscription)

_decode = msgspec.json.Decoder(_Connection | _Subscription).decode


class Grants:
    """Makes grants and believes its own: those of every server with the same secret."""

    __slots__ = ("_key", "is_revoked")

    def __init__(self, secret: bytes, is_revoked: IsRevoked | None = None) -> None:
        self._key = hmac.digest(secret, KEY_LABEL, "sha256")
        self.is_revoked = is_revoked or _nobody

    def for_connection(self, user: User) -> str | UnsetType:
        """For ``user``, where it was the application that said who this is."""
        return UNSET if user.vouched_at is None else self._sign(_Connection(user, user.vouched_at))

    def anew(self, user: User, now: float) -> str | UnsetType:
        """The same for one who has been connected ever since, and has to leave now."""
        if user.vouched_at is None:
            return UNSET
        return self.for_connection(replace(user, vouched_at=now))

    def user_of(self, grant: str, now: float) -> User | None:
        """Who shows it, or None where it does not hold."""
        said = self._read(grant, _Connection)
        if said is None or _is_over(said.user, said.decided, now):
            return None
        return None if self.is_revoked(said.user, said.user.issued_at) else said.user

    def for_subscription(self, user: User, channel: str, now: float) -> str | UnsetType:
        """For one channel, which the application has let ``user`` into just now."""
        return self._sign(_Subscription(user.id, user.session_id, channel, now))

    def opens(self, grant: str, user: User, channel: str, now: float) -> bool:
        """Whether ``user`` may subscribe to ``channel`` by it."""
        said = self._read(grant, _Subscription)
        if said is None or _is_over(user, said.decided, now):
            return False
        if self.is_revoked(user, said.decided):
            return False
        bound_to = (said.user_id, said.session_id, said.channel)
        return bound_to == (user.id, user.session_id, channel)

    def _sign(self, said: _Connection | _Subscription) -> str | UnsetType:
        text = base64.urlsafe_b64encode(msgspec.json.encode(said)).rstrip(b"=")
        grant = f"{text.decode()}.{self._mac(text)}"
        return grant if len(grant) <= MAX_LENGTH else UNSET

    def _mac(self, text: bytes) -> str:
        digest = hmac.digest(self._key, text, hashlib.sha256)
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    def _read(self, grant: str, kind: type[Kind]) -> Kind | None:
        """What it says, where we have said so; nothing in it is looked at before that."""
        text, _, mac = grant.partition(".")
        if len(grant) > MAX_LENGTH or not grant.isascii():
            return None
        if not hmac.compare_digest(self._mac(text.encode()), mac):
            return None
        try:
            said = _decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        except ValueError:  # another version's: signed by us, and said in other words
            return None
        return said if isinstance(said, kind) else None


def _is_over(user: User, decided: float, now: float) -> bool:
    is_recent = 0 <= now - decided < TTL_S
    is_expired = user.expires_at is not None and user.expires_at <= now
    return not is_recent or is_expired


def _nobody(user: User, issued_at: float | None) -> bool:
    return False
