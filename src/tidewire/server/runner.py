"""Runner: uvicorn's server with our signals, our exit code and our certificates' reload."""

from __future__ import annotations

import contextlib
import logging
import signal
import ssl
from collections.abc import Callable, Generator
from types import FrameType

from uvicorn import Config, Server

from tidewire.errors import StartFailed

logger = logging.getLogger("tidewire.server")


class Runner(Server):
    """Runs until SIGTERM or SIGINT, drains, and returns: it exits 0, not 143.

    The first signal drains, the second stops at once; SIGHUP calls ``reload``.
    """

    def __init__(
        self, config: Config, *, stopping: Callable[[], None], reload: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._stopping = stopping
        self._reload = reload

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.should_exit:
            self.force_exit = True
        self.should_exit = True
        self._stopping()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """As uvicorn's, without raising the signal again at the end."""
        handlers = {
            signal.SIGINT: self.handle_exit,
            signal.SIGTERM: self.handle_exit,
        }
        if hasattr(signal, "SIGHUP"):
            handlers[signal.SIGHUP] = lambda *_: self._reload()
        before = {number: signal.signal(number, act) for number, act in handlers.items()}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def load_certificate(
    context: ssl.SSLContext, cert: str, key: str, password: str | None = None
) -> None:
    """Raises ``StartFailed`` with one sentence where the two cannot be used."""
    try:
        context.load_cert_chain(cert, key, password)
    except ssl.SSLError as error:
        reason = error.reason or "not a PEM certificate and its key"
        raise StartFailed(f"cannot use certificate {cert} with key {key}: {reason}") from None
    except OSError as error:
        raise StartFailed(f"cannot read {error.filename or cert}: {error.strerror}") from None


def reload_certificate(
    context: ssl.SSLContext, cert: str, key: str, password: str | None = None
) -> None:
    """Read the certificate again for new connections; keeps the old one where that fails."""
    try:
        # Into a context of its own first: a certificate without its key must not be half loaded.
        load_certificate(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), cert, key, password)
        load_certificate(context, cert, key, password)
    except StartFailed as error:
        logger.error("certificate not reloaded", extra={"reason": str(error)})
    else:
        logger.info("certificate reloaded")
