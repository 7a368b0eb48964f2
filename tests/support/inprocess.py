"""A running server's settings where a test cares about few of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tidewire.app import App
from tidewire.config import Auth, Channel, Compression, Settings
from tidewire.testing.server import UNHURRIED, serve

ROOMS = (Channel(pattern="room:{name}", history_size=10_000),)


def settings_for(
    *channels: Channel, auth: Auth | None = None, compression: Compression | None = None
) -> Settings:
    """Everybody is let in, unless ``auth`` says otherwise."""
    return Settings(
        auth=auth or Auth(anonymous=True),
        channels=channels or ROOMS,
        limits=UNHURRIED,
        compression=compression or Compression(),
    )


@asynccontextmanager
async def serving(settings: Settings, app: App | None = None) -> AsyncIterator[int]:
    """A running server's port, from entering to leaving."""
    async with serve(app, settings) as server:
        yield server.port
