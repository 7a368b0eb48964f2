"""State: how the connection is, as one union that a user interface can show. Pure."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct


class Connecting(Struct, frozen=True, tag="connecting"):
    """A connection is being opened; ``attempt`` counts from 1 since one last worked."""

    attempt: int


class Open(Struct, frozen=True, tag="open"):
    """Connected, as this user and under this client id."""

    user_id: str
    client_id: str


class Waiting(Struct, frozen=True, tag="waiting"):
    """Not connected; the next try is at ``retry_at`` (seconds since the Unix epoch)."""

    attempt: int
    retry_at: float
    reason: str


class Closed(Struct, frozen=True, tag="closed"):
    """Over: closed here, or by a server that would close the same client again.

    ``code`` is the close code, None where no connection was opened.
    """

    reason: str
    code: int | None = None


ConnectionState: TypeAlias = Connecting | Open | Waiting | Closed
