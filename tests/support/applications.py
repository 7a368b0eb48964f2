"""An application as the node sees it: answers what a test lets it, and notes what it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from msgspec import UNSET, Raw, Struct, UnsetType

from tests.support.peers import FakePeer
from tests.support.stages import Stage
from tidewire.channels.options import Action
from tidewire.channels.patterns import Found
from tidewire.errors import CommandRefused
from tidewire.messages import CommandId, Publication
from tidewire.node.application import Greeting, NoApplication
from tidewire.node.peer import Peer


class Move(Struct, frozen=True, tag="move", tag_field="type"):
    """An application's own message."""

    x: int
    id: CommandId | UnsetType = UNSET


class FakeApplication(NoApplication):
    """Lets in and allows what is in ``allowed``; says no to everything else."""

    message_types: Sequence[type[Struct]] = (Move,)

    def __init__(self, *, allowed: Sequence[str] = (), greeting: Greeting | None = None) -> None:
        self.allowed = set(allowed)
        self.greeting = greeting
        self.greets = greeting is not None
        self.questions: list[tuple[str, str]] = []
        self.told: list[tuple[Any, ...]] = []
        self.reviewed: set[str] = set()
        self.fails: Exception | None = None
        self.is_open = asyncio.Event()
        self.is_open.set()

    async def _think(self) -> None:
        await self.is_open.wait()
        if self.fails is not None:
            raise self.fails

    async def greet(self, peer: Peer) -> Greeting:
        await self._think()
        return self.greeting or Greeting()

    def farewell(self, peer: Peer, code: int, reason: str) -> None:
        self.told.append(("farewell", peer.session.user.id, code, reason))

    async def may(self, action: Action, peer: Peer, found: Found) -> bool:
        self.questions.append((action, found.name))
        await self._think()
        return f"{action} {found.name}" in self.allowed

    def reviews(self, found: Found) -> bool:
        return found.name in self.reviewed

    async def review(self, peer: Peer, entry: Publication) -> Publication:
        await self._think()
        entry.data = f'{{"reviewed":{entry.data}}}'
        return entry

    async def receive(self, peer: Peer, message: Struct) -> None:
        await self._think()
        self.told.append((peer.session.user.id, message))

    async def call(self, peer: Peer, method: str, data: Raw) -> bytes:
        await self._think()
        if method != "echo":
            raise CommandRefused("malformed", f"there is no method {method!r}")
        return bytes(data)

    def subscribed(self, peer: Peer, channel: str) -> None:
        self.told.append(("subscribed", peer.session.user.id, channel))

    def unsubscribed(self, peer: Peer, channel: str) -> None:
        self.told.append(("unsubscribed", peer.session.user.id, channel))

    def occupied(self, channel: str) -> None:
        self.told.append(("occupied", channel))

    def vacated(self, channel: str) -> None:
        self.told.append(("vacated", channel))


async def finish(stage: Stage, *peers: FakePeer) -> None:
    """Let the application answer until no command of ``peers`` waits any more."""
    while any(peer.command is not None for peer in peers):
        await turn(stage, *peers)


async def turn(stage: Stage, *peers: FakePeer) -> None:
    """One turn of the loop: whatever can go on does."""
    await asyncio.sleep(0)
    for peer in peers:
        peer.step()
    stage.loop.settle()


async def ask(stage: Stage, peer: FakePeer, kind: str, **fields: Any) -> dict[str, Any]:
    """One message of a client, and the one answer, where an application is asked."""
    peer.take()
    stage.send(peer, kind, **fields)
    await finish(stage, peer)
    return peer.answer()
