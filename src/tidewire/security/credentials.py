"""Where in a handshake a client shows who it is, and which subprotocol it is answered.

A browser's WebSocket can set no header but the subprotocols, so a token or ticket
may come as one of them, beside ours. The query is never read: it ends up in logs,
histories and Referer headers (catalogue 17, 18).
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Iterator
from typing import Literal, TypeAlias

from msgspec import Struct

from tidewire.security.handshake import Handshake
from tidewire.security.refusals import bad_request

PROTOCOLS = frozenset({"tidewire.v1", "tidewire.v1.msgpack"})
"""What may be selected."""

BEARER_PREFIX = "bearer."
TICKET_PREFIX = "ticket."
RESUME_PREFIX = "resume."

CredentialKind: TypeAlias = Literal["bearer", "ticket", "cookie"]


class Credential(Struct, frozen=True, gc=False):
    """A secret a client showed, and how. ``repr`` does not show it.

    A "cookie" is one the browser sent by itself: only the Origin says that the
    user meant it.
    """

    kind: CredentialKind
    secret: str

    def __repr__(self) -> str:
        return f"Credential(kind={self.kind!r})"


def find_credentials(handshake: Handshake, *, cookie_name: str | None = None) -> Credential | None:
    """The one credential of a handshake, or None.

    Two different ones are refused (400): which counts would be a matter of
    opinion, and that is how one user's request becomes another's.
    """
    found = [
        *_from_authorization(handshake),
        *_from_subprotocols(handshake.subprotocols),
        *_from_cookie(handshake, cookie_name),
    ]
    if not all(_is_same_secret(found[0], other) for other in found[1:]):
        raise bad_request("more than one credential")
    return found[0] if found else None


def find_grant(handshake: Handshake) -> str | None:
    """A resume grant, shown beside whatever else: one that does not hold is as if it was not there.

    It is no credential by itself, so two of them or an empty one are no mistake to refuse.
    """
    shown = (item for item in handshake.subprotocols if item.startswith(RESUME_PREFIX))
    return next((item.removeprefix(RESUME_PREFIX) for item in shown), None)


def choose_subprotocol(offered: Iterable[str]) -> str | None:
    """The subprotocol to answer with: the first of ours, so that no credential is ever echoed."""
    return next((name for name in offered if name in PROTOCOLS), None)


def _from_authorization(handshake: Handshake) -> Iterator[Credential]:
    """Other schemes than Bearer belong to a proxy in front, and are left to it."""
    for value in handshake.headers.get("authorization", ()):
        scheme, _, token = value.partition(" ")
        if scheme.lower() == "bearer":
            yield _credential("bearer", token.strip(" "))


def _from_subprotocols(offered: Iterable[str]) -> Iterator[Credential]:
    for item in offered:
        if item.startswith(BEARER_PREFIX):
            yield _credential("bearer", item.removeprefix(BEARER_PREFIX))
        elif item.startswith(TICKET_PREFIX):
            yield _credential("ticket", item.removeprefix(TICKET_PREFIX))


def _from_cookie(handshake: Handshake, cookie_name: str | None) -> Iterator[Credential]:
    value = handshake.cookies.get(cookie_name) if cookie_name is not None else None
    if value:
        yield Credential("cookie", value)


def _credential(kind: CredentialKind, secret: str) -> Credential:
    if not secret:
        raise bad_request("an empty credential")
    return Credential(kind, secret)


def _is_same_secret(one: Credential, other: Credential) -> bool:
    return hmac.compare_digest(one.secret.encode(), other.secret.encode())
