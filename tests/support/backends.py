"""A server with an API key, in the test's own loop, and clients of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from msgspec.structs import replace

from tests.support.inprocess import serving, settings_for
from tidewire.api import AsyncApi
from tidewire.app import App
from tidewire.config import Api, Channel, Settings
from tidewire.security.api_keys import line_of

KEY = "twk_" + "k" * 43

UNHURRIED_S = 60.0
"""For one answer: far more than a busy machine needs."""

ROOMS = (
    Channel(pattern="board:{name}", history_size=100, keeps_latest=True),
    Channel(pattern="room:*", history_size=1_000),
)


def settings(*channels: Channel) -> Settings:
    return replace(settings_for(*(channels or ROOMS)), api=Api(keys=(line_of("shop", KEY),)))


@asynccontextmanager
async def backend(given: Settings | None = None, app: App | None = None) -> AsyncIterator[AsyncApi]:
    """The API of a running server."""
    async with serving(given or settings(), app) as port, api_of(port) as api:
        yield api


def api_of(port: int, key: str = KEY) -> AsyncApi:
    return AsyncApi(url_of(port), key, timeout_s=UNHURRIED_S)


def url_of(port: int) -> str:
    return f"http://127.0.0.1:{port}"
