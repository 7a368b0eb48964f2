"""The Django app: its name, and that a logout ends the connections of that session."""

from __future__ import annotations

import logging
from typing import Any

from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_out

from tidewire.django.delivery import outlet
from tidewire.django.sessions import session_id
from tidewire.errors import TidewireError

logger = logging.getLogger("tidewire.django")


class TidewireConfig(AppConfig):
    """``"tidewire.django"`` in INSTALLED_APPS."""

    name = "tidewire.django"
    label = "tidewire"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        user_logged_out.connect(_end_session, dispatch_uid="tidewire.logout")


def _end_session(*, request: Any, **_: Any) -> None:
    """Django says so before it flushes the session. A server out of reach stops no logout: the
    session is gone, and its connections end with the session's own lifetime."""
    key = getattr(getattr(request, "session", None), "session_key", None)
    if not key:
        return
    try:
        outlet().end_session(session_id(key))
    except (TidewireError, TimeoutError):
        logger.exception("a session's connections were not ended")
