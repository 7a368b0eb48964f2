"""The whole server in the test's own loop and process, on a port of the kernel's choosing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from uvicorn import Config

from tests.support.asynchronous import eventually
from tidewire.app import App
from tidewire.compose.service import Service
from tidewire.config import Auth, Channel, Compression, Limits, Settings
from tidewire.server.listening import listen_tcp
from tidewire.server.protocol import TidewireProtocol
from tidewire.server.runner import Runner

UNHURRIED = Limits(
    publications_per_s=100_000,
    publications_burst=100_000,
    user_publications_per_s=100_000,
    user_publications_burst=100_000,
    frames_per_s=100_000,
    frames_burst=100_000,
)
"""No test of what is said should fail because it was said too fast."""

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
    service = Service(app or App(), settings)
    config = Config(service, http=TidewireProtocol, ws="none", lifespan="on", log_config=None)
    runner = Runner(config, stopping=service.stopping, reload=lambda: None)
    sock = listen_tcp("127.0.0.1", 0)
    running = asyncio.create_task(runner.serve(sockets=[sock]))
    try:
        await eventually(lambda: runner.started or running.done(), "the server has started")
        yield sock.getsockname()[1]
    finally:
        runner.should_exit = True
        await running
