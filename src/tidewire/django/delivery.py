"""Delivery: where Django's words go. To the server in this process, or to one over HTTP.

    TIDEWIRE = {"API_URL": "http://127.0.0.1:8080", "API_KEY": "..."}   # settings.py

``install`` names the application in this process instead; then no address is needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Protocol

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from msgspec import UNSET, Raw, Struct

from tidewire.api import Api, ApiError
from tidewire.api.calls import Call, Publish
from tidewire.app import App

ANSWER_S = 5.0
"""How long a batch may take to be acknowledged. A view that waits longer has lost its visitor."""


class Draft(Struct, frozen=True):
    """A publication that is yet to be made. ``data`` is JSON text."""

    channel: str
    data: str
    once: str | None = None
    key: str | None = None
    user_id: str = ""


class Outlet(Protocol):
    """A way to the server. Safe to use from several threads."""

    def publish(self, drafts: Sequence[Draft]) -> None:
        """Publish all, in order, and wait until all are kept.

        Raises ``TidewireError`` or ``TimeoutError`` where one was not, as far as we know;
        others may have been, so a repetition needs their ``once`` keys.
        """
        ...

    def end_session(self, session_id: str) -> None:
        """Cut every connection of a session, wherever it is. Raises as ``publish``."""
        ...


class InProcess:
    """The server runs in this process; this is another thread of it."""

    def __init__(self, app: App) -> None:
        self._app = app

    def publish(self, drafts: Sequence[Draft]) -> None:
        pending = [
            self._app.publish_soon(
                draft.channel,
                Raw(draft.data.encode()),
                once=draft.once,
                key=draft.key,
                user_id=draft.user_id,
            )
            for draft in drafts
        ]
        for each in pending:
            each.wait(ANSWER_S)

    def end_session(self, session_id: str) -> None:
        self._app.revoke(session=session_id).wait(ANSWER_S)


class OverHttp:
    """The server is elsewhere; its HTTP API takes a batch in one request."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def publish(self, drafts: Sequence[Draft]) -> None:
        for answer in self._api.batch([_call(draft) for draft in drafts]):
            if isinstance(answer, ApiError):
                raise answer

    def end_session(self, session_id: str) -> None:
        self._api.revoke(session=session_id)


def _call(draft: Draft) -> Call:
    return Publish(
        channel=draft.channel,
        data=Raw(draft.data.encode()),
        once=draft.once or UNSET,
        key=draft.key or UNSET,
        user=draft.user_id or UNSET,
    )


_installed: Outlet | None = None


def use(outlet: Outlet | None) -> None:
    """Send what this process says there from now on; None: where the settings say."""
    global _installed  # noqa: PLW0603  # one process, one Django, one server
    _installed = outlet


def outlet() -> Outlet:
    """The way to the server. Raises ``ImproperlyConfigured`` where none is configured."""
    return _installed or _configured()


@cache
def _configured() -> Outlet:
    values = getattr(settings, "TIDEWIRE", {})
    if not values.get("API_URL") or not values.get("API_KEY"):
        raise ImproperlyConfigured(
            "TIDEWIRE needs API_URL and API_KEY, or call tidewire.django.install(app) in asgi.py"
        )
    return OverHttp(Api(values["API_URL"], values["API_KEY"], timeout_s=ANSWER_S))
