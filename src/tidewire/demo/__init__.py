"""The demo: a chat page, and guests who choose their own names.

An application like any other: written against ``tidewire.app``, with nothing an
application of your own could not use. Keeps no state.
"""

from __future__ import annotations

from tidewire.app import App
from tidewire.config import Settings
from tidewire.demo.guests import guest_for
from tidewire.demo.pages import create_pages
from tidewire.security.handshake import Handshake
from tidewire.security.user import User


def create_app(_: Settings | None = None) -> App:
    """The application ``tidewire demo`` serves. Takes the settings as every factory may."""
    app = App()
    app.mount(create_pages())

    @app.authenticate
    async def guest(handshake: Handshake) -> User:
        return guest_for(handshake.query.get("name", ""))

    return app
