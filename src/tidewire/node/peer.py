"""A connected client, as the node sees it."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, Protocol, TypeAlias

from msgspec import UnsetType

from tidewire.hub import Member
from tidewire.messages import Event
from tidewire.session import Session
from tidewire.websocket.close_codes import CloseCode

CommandKey: TypeAlias = int | str | UnsetType
"""A command's ``id``, or that it has none."""


class Peer(Member, Protocol):
    """What the node may ask of a connection. None of these raise."""

    @property
    def session(self) -> Session: ...

    @property
    def limited_ip(self) -> str | None:
        """The address it is counted under, if under any."""
        ...

    def send(self, event: Event) -> None:
        """Queue an event; it leaves with this tick's one write."""
        ...

    async def drained(self) -> None:
        """Wait until what was sent has left; returns at once where the connection is lost."""
        ...

    def close(self, code: CloseCode, reason: str | None = None) -> None:
        """Close with ``code``, and its own reason unless another is given.

        Nothing more is received from it.
        """
        ...

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a command that may wait; the client's next one is read after it has ended.

        Cancelled when the connection is lost.
        """
        ...
