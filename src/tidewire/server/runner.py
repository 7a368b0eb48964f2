"""Runner: uvicorn's server with our signals and our exit code."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Generator
from types import FrameType

from uvicorn import Config, Server


class Runner(Server):
    """Runs until SIGTERM or SIGINT, drains, and returns: it exits 0, not 143.

    The first signal drains, the second stops at once. ``stopping`` is called by the
    first, between any two steps of the program, and may only set flags. ``reload``
    (SIGHUP) and ``listening`` (once, when clients may come) are called by the loop.
    """

    def __init__(
        self,
        config: Config,
        *,
        stopping: Callable[[], None],
        reload: Callable[[], None],
        listening: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(config)
        self._stopping = stopping
        self._reload = reload
        self._listening = listening

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if self.started:
            self._listening()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.should_exit:
            self.force_exit = True
        self.should_exit = True
        self._stopping()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """As uvicorn's, without raising the signal again at the end."""
        loop = asyncio.get_running_loop()
        handlers = {signal.SIGINT: self.handle_exit, signal.SIGTERM: self.handle_exit}
        if hasattr(signal, "SIGHUP"):
            handlers[signal.SIGHUP] = lambda *_: _hand_over(loop, self._reload)
        before = {number: signal.signal(number, act) for number, act in handlers.items()}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _hand_over(loop: asyncio.AbstractEventLoop, action: Callable[[], None]) -> None:
    """A handler runs between any two steps of whatever runs; the loop runs ``action`` whole."""
    loop.call_soon_threadsafe(action)
