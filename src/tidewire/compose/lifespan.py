"""Runs the lifespan of a mounted ASGI application inside our own.

https://asgi.readthedocs.io/en/latest/specs/lifespan.html: an application that
does not know the protocol raises, and is then served without it.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from tidewire.app import AsgiApp, AsgiMessage, Scope
from tidewire.errors import StartFailed

logger = logging.getLogger("tidewire.app")


class MountedLifespan:
    """The start and stop of one mounted application."""

    def __init__(self, app: AsgiApp, scope: Scope) -> None:
        self._app = app
        self._scope = dict(scope)
        self._to_app: asyncio.Queue[AsgiMessage] = asyncio.Queue()
        self._from_app: asyncio.Queue[AsgiMessage | None] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Raises ``StartFailed`` where the application says that it cannot start."""
        self._task = asyncio.create_task(self._run())
        answer = await self._ask("lifespan.startup")
        if answer is None:
            self._task = None
        elif answer["type"] == "lifespan.startup.failed":
            raise StartFailed(f"the application did not start: {answer.get('message', '')}")

    async def stop(self) -> None:
        if self._task is not None:
            await self._ask("lifespan.shutdown")
            await self._task

    async def _ask(self, what: str) -> AsgiMessage | None:
        self._to_app.put_nowait({"type": what})
        return await self._from_app.get()

    async def _run(self) -> None:
        try:
            await self._app(self._scope, self._to_app.get, self._send)
        except Exception:
            logger.debug("the application has no lifespan", exc_info=True)
        finally:
            self._from_app.put_nowait(None)

    async def _send(self, message: Any) -> None:
        self._from_app.put_nowait(message)
