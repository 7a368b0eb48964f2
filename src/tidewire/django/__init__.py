"""Tidewire in a Django project: who is logged in, and what a transaction has to say.

    # settings.py
    INSTALLED_APPS = [..., "tidewire.django"]

    # asgi.py
    live = tidewire.App()
    tidewire.django.install(live)

    # views.py
    from tidewire.django import publish
    publish("room:42", {"text": "hello"})        # when the transaction has committed

Django's settings are read when something is used, not when this is imported.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import close_old_connections

from tidewire.app import App
from tidewire.django.delivery import InProcess, use
from tidewire.django.publishing import publish
from tidewire.django.sessions import authenticate

__all__ = ["authenticate", "install", "publish"]


def install(app: App) -> None:
    """Make ``app`` part of this project.

    Clients are who their Django session says, unless ``app`` has an
    ``authenticate`` hook of its own; ``def`` handlers find no database connection that
    has gone stale; ``publish`` and logouts reach it without a detour over HTTP.
    """
    if not app.has_authenticate:
        app.authenticate(authenticate)
    app.around_threads(_fresh_connections)
    use(InProcess(app))


@contextmanager
def _fresh_connections() -> Iterator[None]:
    """As Django does around a request: a thread outlives its database connection's timeout."""
    close_old_connections()
    try:
        yield
    finally:
        close_old_connections()
