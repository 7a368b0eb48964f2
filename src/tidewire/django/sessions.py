"""Sessions: who a handshake belongs to, by Django's own session cookie and its auth backends.

The cookie is the browser's, so its Origin is checked before anything here is
asked. Nothing is cached: a session that was flushed is nobody's at once.
"""

from __future__ import annotations

import hashlib
from importlib import import_module
from types import SimpleNamespace
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user

from tidewire.security.handshake import Handshake
from tidewire.security.user import User


def authenticate(handshake: Handshake) -> User | None:
    """The user who is logged in with this browser, or None.

    For ``app.authenticate``. The user's id is its primary key and its info its user
    name, and both are sent to everybody in a channel. The connection ends when the
    session does. Reads the session store and the database.
    """
    session_key = handshake.cookies.get(settings.SESSION_COOKIE_NAME)
    return None if not session_key else user_of_session(session_key)


def user_of_session(session_key: str) -> User | None:
    """The user logged in with a session, or None."""
    session = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    user = get_user(SimpleNamespace(session=session))  # checks the session's hash as well
    if not user.is_authenticated or not user.is_active:
        return None
    return _as_tidewire_user(user, session)


def session_id(session_key: str) -> str:
    """What a session is called outside Django: its key opens it, so it stays inside."""
    return hashlib.sha256(f"tidewire session {session_key}".encode()).hexdigest()[:32]


def _as_tidewire_user(user: Any, session: Any) -> User:
    return User(
        str(user.pk),
        info={"name": user.get_username()},
        expires_at=session.get_expiry_date().timestamp(),
        session_id=session_id(session.session_key),
    )
