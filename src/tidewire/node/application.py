"""What a node asks of the application it serves.

The node bounds every one of these: in time, in how many run at once, and in
what an exception does (the client reads "internal error", the log the cause).
``app`` implements it; ``NoApplication`` is a server on its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from msgspec import Raw, Struct

from tidewire.channels.options import Action
from tidewire.channels.patterns import Found
from tidewire.errors import CommandRefused
from tidewire.messages import Publication
from tidewire.node.peer import Peer


class Greeting(Struct, frozen=True):
    """What ``on_connect`` decided: the channels to subscribe a newcomer to, before all else."""

    subscriptions: tuple[str, ...] = ()


class Application(Protocol):
    """An application's side. Raising ``CommandRefused`` tells the client why; its text is sent."""

    @property
    def message_types(self) -> Sequence[type[Struct]]:
        """Its own commands, tagged by ``type``: the dialects decode them beside the protocol's.

        Each has an ``id``, as a ``Command`` has one: what it is answered to.
        """
        ...

    @property
    def greets(self) -> bool:
        """Whether ``greet`` has anything to do, so that a connect need not wait for nothing."""
        ...

    async def greet(self, peer: Peer) -> Greeting:
        """A client is about to be connected. Refusing closes it with 4003."""
        ...

    def farewell(self, peer: Peer, code: int, reason: str) -> None:
        """A client is gone. Whatever it starts is its own to finish."""

    async def may(self, action: Action, peer: Peer, found: Found) -> bool:
        """Asked where a channel's access is "hook"."""
        ...

    def reviews(self, found: Found) -> bool:
        """Whether ``review`` wants to see what clients publish there."""
        ...

    async def review(self, peer: Peer, entry: Publication) -> Publication:
        """What is to be published instead of ``entry``; refuses by raising."""
        ...

    async def receive(self, peer: Peer, message: Struct) -> None:
        """A message of one of ``message_types``, after all earlier ones of this client."""
        ...

    async def call(self, peer: Peer, method: str, data: Raw) -> bytes:
        """The answer to a call, as JSON text."""
        ...

    def subscribed(self, peer: Peer, channel: str) -> None: ...

    def unsubscribed(self, peer: Peer, channel: str) -> None: ...

    def occupied(self, channel: str) -> None:
        """The first subscriber on this node has come."""

    def vacated(self, channel: str) -> None:
        """The last one has gone."""


class NoApplication:
    """A server on its own: whatever would be an application's to allow is refused."""

    message_types: Sequence[type[Struct]] = ()
    greets = False

    async def greet(self, peer: Peer) -> Greeting:
        return Greeting()

    def farewell(self, peer: Peer, code: int, reason: str) -> None:
        pass

    async def may(self, action: Action, peer: Peer, found: Found) -> bool:
        return False

    def reviews(self, found: Found) -> bool:
        return False

    async def review(self, peer: Peer, entry: Publication) -> Publication:
        return entry

    async def receive(self, peer: Peer, message: Struct) -> None:
        pass

    async def call(self, peer: Peer, method: str, data: Raw) -> bytes:
        raise CommandRefused("forbidden", "there is nothing to call here")

    def subscribed(self, peer: Peer, channel: str) -> None:
        pass

    def unsubscribed(self, peer: Peer, channel: str) -> None:
        pass

    def occupied(self, channel: str) -> None:
        pass

    def vacated(self, channel: str) -> None:
        pass


_: type[Application] = NoApplication
