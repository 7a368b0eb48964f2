"""Bell: wakes whoever waits for something to change, all of them, each time it rings."""

from __future__ import annotations

import asyncio


class Bell:
    """Look at what is to change, then wait, with no ``await`` between: no ring is missed."""

    def __init__(self) -> None:
        self._next = asyncio.Event()

    def ring(self) -> None:
        now, self._next = self._next, asyncio.Event()
        now.set()

    async def wait(self) -> None:
        """Until it rings next."""
        await self._next.wait()
