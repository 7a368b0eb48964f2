"""What a client raises beside ``CommandRefused``: each says what is known about the outcome."""

from __future__ import annotations

from tidewire.errors import TidewireError


class ClientClosed(TidewireError):
    """The client is closed, or was told not to come back. ``code`` is the close code, if any."""

    def __init__(self, reason: str, code: int | None = None) -> None:
        super().__init__(reason if code is None else f"{reason} ({code})")
        self.reason = reason
        self.code = code


class OutcomeUnknown(TidewireError):
    """It was sent, and no answer came: it may have been done or not."""


class QueueFull(TidewireError):
    """As much waits to be sent as may wait: nothing was sent."""


class NotSent(TidewireError):
    """It waited too long for a connection: nothing was sent, and nothing will be."""


class ConnectionLost(TidewireError):
    """The connection is gone. ``code`` is None where no Close frame said why."""

    def __init__(self, code: int | None, reason: str) -> None:
        super().__init__(reason or f"closed with {code}")
        self.code = code
        self.reason = reason
