"""Runner: uvicorn's server with our signals and our exit code."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Generator
from types import FrameType

from uvicorn import Config, Server

TLS_SHUTDOWN_S = 2.0
"""How long a peer may take to answer close_notify: one round trip of the slowest network."""


class Runner(Server):
    """Runs until SIGTERM or SIGINT, drains, and returns: it exits 0, not 143.

    ``private`` is another application and the socket it is served on, by the same loop.
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
        tls_handshake_s: float = 5.0,
        private: tuple[Config, socket.socket] | None = None,
    ) -> None:
        super().__init__(config)
        self._private = private
        self._tls_handshake_s = tls_handshake_s
        self._stopping = stopping
        self._reload = reload
        self._listening = listening

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's, but our sockets are listened on with our own deadlines for TLS."""
        await super().startup(sockets=None if sockets is None else [])
        if not self.started:
            return
        for sock in sockets or []:
            self.servers.append(await self._listen(self.config, sock))
        if self._private is not None:
            self.servers.append(await self._listen(*self._private))
        self._listening()

    async def _listen(self, config: Config, sock: socket.socket) -> asyncio.base_events.Server:
        """With deadlines of our own for TLS. The loop's are 60 s and 30 s: a peer that stops in
        the middle of a handshake would hold a socket that no limit of ours sees, and one that
        never says goodbye would hold our exit."""
        loop = asyncio.get_running_loop()
        has_tls = config.ssl is not None
        return await loop.create_server(
            lambda: config.http_protocol_class(  # type: ignore[call-arg]
                config=config,
                server_state=self.server_state,
                app_state=self.lifespan.state,
                _loop=loop,
            ),
            sock=sock,
            ssl=config.ssl,
            backlog=config.backlog,
            ssl_handshake_timeout=self._tls_handshake_s if has_tls else None,
            ssl_shutdown_timeout=TLS_SHUTDOWN_S if has_tls else None,
        )

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
