"""User: who a client authenticated as."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct

MAX_USER_ID_LENGTH = 128
"""Fits a UUID, an e-mail address or a ``provider|subject`` pair; it travels in every message."""

MAX_INFO_BYTES = 1024
"""As JSON. It is sent to everybody in a channel at each join: a name and a picture's address."""


class User(Struct, frozen=True, gc=False):
    """One person or service; may have many clients.

    ``info`` is what others may see: JSON values, never changed once here.
    ``expires_at`` and ``issued_at`` are Unix seconds. Making one with an ``id``
    that is not printable, or an ``info`` that is not small JSON, is a ``ValueError``.

    ``session_id`` is one login of the user (a token's ``sid``, a Django session),
    so that ending it ends its connections. ``capabilities`` are what its token lets
    it do, by channel pattern; ``subscriptions`` the channels it is subscribed to at
    once, unasked. ``vouched_at`` is when the application's hook said who this is.
    """

    id: str
    info: Any = None
    expires_at: float | None = None
    token_id: str | None = None
    issued_at: float | None = None
    is_anonymous: bool = False
    session_id: str | None = None
    capabilities: tuple[tuple[str, frozenset[str]], ...] = ()
    subscriptions: tuple[str, ...] = ()
    vouched_at: float | None = None

    def __post_init__(self) -> None:
        if not is_user_id(self.id):
            raise ValueError(f"a user id is 1 to {MAX_USER_ID_LENGTH} printable characters")
        if self.info is not None and not _is_small_json(self.info):
            raise ValueError(f"a user's info is JSON of at most {MAX_INFO_BYTES} bytes")


def is_user_id(text: str) -> bool:
    """Whether ``text`` can name a user: printable, so that it cannot forge a log line.

    No space at either end: two ids that look alike would be two people.
    """
    return 0 < len(text) <= MAX_USER_ID_LENGTH and text.isprintable() and text == text.strip()


def guest(make_id: Callable[[], str]) -> User:
    """A client that showed no credential, where that is allowed."""
    return User(make_id(), is_anonymous=True)


def _is_small_json(info: Any) -> bool:
    try:
        return len(msgspec.json.encode(info)) <= MAX_INFO_BYTES
    except (TypeError, ValueError, RecursionError):  # RecursionError: nested beyond any use
        return False
