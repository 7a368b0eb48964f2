"""An application on another ASGI server: uvicorn as it comes, with its own WebSockets."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import uvicorn

from tidewire.server.listening import listen_tcp


class ForeignServer(uvicorn.Server):
    """Says when it listens, and leaves the process's signals alone."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


@asynccontextmanager
async def foreign(app: Any, *, lifespan: Any = "off") -> AsyncIterator[int]:
    """The port of a running server, from entering to leaving."""
    config = uvicorn.Config(app, ws="websockets-sansio", lifespan=lifespan, log_config=None)
    server, listener = ForeignServer(config), listen_tcp("127.0.0.1", 0)
    running = asyncio.create_task(server.serve(sockets=[listener]))
    await server.listening.wait()
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        await running
        listener.close()
