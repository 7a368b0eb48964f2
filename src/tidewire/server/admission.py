"""Admission: who may come in, decided before the 101.

Origin, then credentials, then how many there are already. The order is from
cheap to dear, and nothing is counted or used up for a request that fails.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from types import MappingProxyType
from typing import TypeAlias

import msgspec

from tidewire.clock import Clock
from tidewire.errors import HandshakeRefused
from tidewire.security.credentials import Credential, find_credentials, find_grant
from tidewire.security.grants import Grants
from tidewire.security.handshake import Handshake
from tidewire.security.ids import new_user_id
from tidewire.security.origin import OriginPolicy
from tidewire.security.refusals import TokenRefused
from tidewire.security.tickets import TicketOffice
from tidewire.security.tokens import TokenVerifier
from tidewire.security.user import User, guest

Authenticate: TypeAlias = Callable[[Handshake], "User | Awaitable[User | None] | None"]
"""An application's own way to know its users; None refuses."""

IsRevoked: TypeAlias = Callable[[User, float | None], bool]
"""Whether what was issued to the user at that time (None: long ago) has been revoked since."""

RenewKeys: TypeAlias = Callable[[], Awaitable[bool]]
"""Reads the issuer's keys again; whether there may be new ones now."""


class Admission:
    """Turns a handshake into a user, or refuses it with ``HandshakeRefused``."""

    def __init__(
        self,
        *,
        origins: OriginPolicy,
        allows_any_origin: bool,
        verifier: TokenVerifier | None,
        tickets: TicketOffice,
        clock: Clock,
        cookie_name: str | None = None,
        allows_anonymous: bool = False,
        authenticate: Authenticate | None = None,
        renew_keys: RenewKeys | None = None,
        is_revoked: IsRevoked = lambda user, issued_at: False,
        grants: Grants | None = None,
    ) -> None:
        self._origins = origins
        self._allows_any_origin = allows_any_origin
        self._verifier = verifier
        self._tickets = tickets
        self._clock = clock
        self._cookie_name = cookie_name
        self._allows_anonymous = allows_anonymous
        self._authenticate = authenticate
        self._renew_keys = renew_keys
        self._is_revoked = is_revoked
        self._grants = grants

    @property
    def always_waits(self) -> bool:
        """Whether an application decides: its hook may take its time, and wants a task."""
        return self._authenticate is not None

    async def identify(self, handshake: Handshake, *, use_ticket: bool = True) -> User:
        """The user behind a handshake; ``use_ticket`` False only looks and spends nothing."""
        credential = self._credential(handshake)
        user = self._known(handshake, credential, use_ticket=use_ticket)
        return self.in_force(user or await self._asked(handshake, credential))

    def recognize(self, handshake: Handshake) -> User | None:
        """As ``identify``, where nothing has to be waited for; else None, and nothing is spent."""
        user = self._known(handshake, self._credential(handshake), use_ticket=True)
        return None if user is None else self.in_force(user)

    async def refresh(self, token: str) -> User:
        """The user of a token sent over an open connection."""
        if self._verifier is None:
            raise TokenRefused("tokens are not configured")
        user = self._verified(self._verifier, token)
        return self.in_force(user or await self._verify_anew(self._verifier, token))

    def issue_ticket(self, user: User, origin: str | None) -> str:
        return self._tickets.issue(user, origin, self._clock.time())

    def _credential(self, handshake: Handshake) -> Credential | None:
        """What the client shows, once it may come from where it does."""
        credential = find_credentials(handshake, cookie_name=self._cookie_name)
        self._origins.check(handshake, by_cookie=self._is_by_cookie(handshake, credential))
        return credential

    def _is_by_cookie(self, handshake: Handshake, credential: Credential | None) -> bool:
        """Whether a cookie may decide who this is: it does for a hook, as far as we know."""
        if credential is not None:
            return credential.kind == "cookie"
        return self._authenticate is not None and bool(handshake.cookies)

    def in_force(self, user: User) -> User:
        """``user``, unless what it showed is over: by its time, or because it was revoked.

        Raises ``HandshakeRefused``.
        """
        if self._is_revoked(user, user.issued_at):
            raise HandshakeRefused(403, "revoked", "revoked: a new token may open the door")
        if user.expires_at is not None and user.expires_at <= self._clock.time():
            raise TokenRefused("the user's authentication has expired", code="token_expired")
        return user

    def _known(
        self, handshake: Handshake, credential: Credential | None, *, use_ticket: bool
    ) -> User | None:
        """The user, or None where the application or the issuer of the token has to be asked."""
        if credential is not None and credential.kind == "ticket":
            return self._by_ticket(credential, handshake, use_ticket)
        if credential is not None and self._verifier is not None:
            return self._verified(self._verifier, credential.secret)
        if self._authenticate is not None:
            return self._by_grant(handshake)
        if credential is None and self._allows_anonymous:
            return guest(new_user_id)
        raise TokenRefused("no credential that is accepted here")

    async def _asked(self, handshake: Handshake, credential: Credential | None) -> User:
        if credential is not None and self._verifier is not None:
            return await self._verify_anew(self._verifier, credential.secret)
        if self._authenticate is not None:
            return await self._by_hook(self._authenticate, handshake)
        raise TokenRefused("no credential that is accepted here")

    def _by_ticket(self, credential: Credential, handshake: Handshake, use_ticket: bool) -> User:
        if not use_ticket:
            raise TokenRefused("a ticket opens one connection", code="token_expired")
        return self._tickets.redeem(credential.secret, handshake.origin, self._clock.time())

    def _by_grant(self, handshake: Handshake) -> User | None:
        """Whom the application has let in just now, so that it need not be asked again."""
        grant = find_grant(handshake)
        if grant is None or self._grants is None:
            return None
        return self._grants.user_of(grant, self._clock.time())

    def _verified(self, verifier: TokenVerifier, token: str) -> User | None:
        """None where the token's key is one that the issuer may just have made."""
        try:
            return verifier.verify(token, self._clock.time())
        except TokenRefused:
            if self._renew_keys is None or not verifier.names_unknown_key(token):
                raise
        return None

    async def _verify_anew(self, verifier: TokenVerifier, token: str) -> User:
        """Looks a second time, after the issuer's keys have been read again."""
        if self._renew_keys is not None:
            await self._renew_keys()
        return verifier.verify(token, self._clock.time())

    async def _by_hook(self, hook: Authenticate, handshake: Handshake) -> User:
        if self._allows_any_origin:
            handshake = _without_cookies(handshake)
        asked_at = self._clock.time()
        answer = hook(handshake)
        user = await answer if inspect.isawaitable(answer) else answer
        if user is None:
            raise TokenRefused("the application refused")
        if not isinstance(user, User):
            raise TypeError(f"authenticate returned {type(user).__name__}, not User or None")
        # Unless it says otherwise it vouches for its user as of when it was asked: whoever was
        # revoked before is the application's to refuse, whoever is meanwhile is ours.
        issued_at = asked_at if user.issued_at is None else user.issued_at
        return msgspec.structs.replace(user, vouched_at=asked_at, issued_at=issued_at)


def _without_cookies(handshake: Handshake) -> Handshake:
    """Any page on the web may connect, so none may do so with its visitor's cookies."""
    headers = {name: values for name, values in handshake.headers.items() if name != "cookie"}
    return msgspec.structs.replace(
        handshake, cookies=MappingProxyType({}), headers=MappingProxyType(headers)
    )


def refusal_of(error: Exception) -> HandshakeRefused:
    """What a client is told when a check itself failed."""
    if isinstance(error, HandshakeRefused):
        return error
    return HandshakeRefused(503, "unavailable", "a check failed", retry_after_s=1)
