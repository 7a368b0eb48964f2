"""Whoever is told things, and the bytes it is told them in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias

from tidewire.messages import AnyCommand, AppMessage, Event, Publication

Item: TypeAlias = Publication | Event


class Wire(Protocol):
    """One way messages look on a connection: dialect, framing, compression. Shared, stateless."""

    def frames(self, items: Sequence[Item]) -> list[bytes]:
        """The bytes of each item: one call for a batch, because it is the hot end of a fan-out."""
        ...

    @property
    def is_binary(self) -> bool:
        """Whether its messages are bytes, instead of text."""
        ...

    def decode(self, message: Any, /) -> AnyCommand | AppMessage:
        """Raises ``CommandRefused`` where ``message`` (bytes or text) is no command."""
        ...


class Member(Protocol):
    """Whoever receives a channel's messages."""

    @property
    def wire(self) -> Wire: ...

    @property
    def is_behind(self) -> bool:
        """Whether what is delivered now would have to wait for what it has not read."""
        ...

    def deliver(self, data: bytes) -> None:
        """Write now, behind what is queued for this tick. Never raises."""
