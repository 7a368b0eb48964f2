"""Every error raised on purpose, as one family tree.

The branch says whose fault it is, and so what happens next: a peer's mistake is
answered to that peer, ours is logged with its cause and the peer reads only
"try again later".
"""

from __future__ import annotations

from typing import Literal, TypeAlias

ErrorCode: TypeAlias = Literal[
    "malformed",
    "forbidden",
    "rate_limited",
    "too_large",
    "not_subscribed",
    "limit",
    "unavailable",
    "unknown_outcome",
    "internal",
]
"""Why a command was refused; the protocol's one table of codes."""


class TidewireError(Exception):
    """Root of everything this package raises on purpose."""


class PeerError(TidewireError):
    """The peer broke a rule. ``str(error)`` is sent to it, so keep internals out."""


class CommandRefused(PeerError):
    """This command fails; the connection lives.

    ``code`` is one of the error codes of the protocol (``spec/protocol.md``);
    ``retry_after_s`` is set where trying again later can succeed.
    """

    def __init__(
        self, code: ErrorCode, message: str, *, retry_after_s: float | None = None
    ) -> None:
        super().__init__(message)
        self.code: ErrorCode = code
        self.retry_after_s = retry_after_s


class ProtocolViolated(PeerError):
    """The connection closes with ``close_code``; nothing after the violation is acted on."""

    def __init__(self, close_code: int, message: str) -> None:
        super().__init__(message)
        self.close_code = close_code


class HandshakeRefused(PeerError):
    """The upgrade is answered with an HTTP error before the 101.

    The refused peer is sent ``status`` and a generic body. ``code`` and
    ``retry_after_s`` are what a plain GET of the same URL answers, because a
    browser sees a refused upgrade only as close code 1006. ``str(error)`` goes
    to our log, and may name what was wrong, but never a token.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        retry_after_s: float | None = None,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.retry_after_s = retry_after_s
        self.headers = headers


class EngineUnavailable(TidewireError):
    """Our side failed. Logged with its cause; the peer reads only "try again later"."""


class ConfigError(TidewireError):
    """The configuration is wrong. ``str(error)`` is one sentence that says what would be right."""


class StartFailed(TidewireError):
    """The server cannot start (port taken, certificate unreadable). One plain sentence."""
