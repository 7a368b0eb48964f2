"""Refused: how a handler or hook says no."""

from __future__ import annotations

from tidewire.errors import CommandRefused, ErrorCode


class Refused(CommandRefused):
    """Raise it in a handler or hook: the client is told ``message``, and lives on.

    From ``on_connect`` it closes the connection. ``code`` is one of the protocol's.
    """

    def __init__(
        self,
        message: str = "not allowed",
        *,
        code: ErrorCode = "forbidden",
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(code, message, retry_after_s=retry_after_s)
