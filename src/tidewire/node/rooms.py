"""Rooms: channels opened at the engine while somebody here is in them, and who comes and goes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any
from weakref import WeakValueDictionary

from tidewire.channels.patterns import Found
from tidewire.engines.base import Engine
from tidewire.hub import Hub, Room
from tidewire.messages import Publication
from tidewire.node.announcer import Announcer
from tidewire.node.application import Application
from tidewire.node.peer import Peer

logger = logging.getLogger("tidewire.application")


class Rooms:
    """Opens rooms, lets peers in and out, and closes rooms that nobody is in.

    ``kept`` is the lobby's name: it stays open.
    """

    def __init__(
        self, engine: Engine, hub: Hub, announcer: Announcer, application: Application, kept: str
    ) -> None:
        self._engine = engine
        self._hub = hub
        self._announcer = announcer
        self._application = application
        self.kept = kept
        self._opening: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def find(self, channel: str) -> Room | None:
        """The channel's room, if it is open."""
        return self._hub.room(channel)

    async def open(self, found: Found) -> Room:
        """The channel's room, opened at the engine by one of those who want it at the same time.

        The others wait for that one: an engine's ``open`` that overlapped another, or a
        ``close`` by the last to leave, could leave a room that hears nothing. Raises
        ``EngineUnavailable``.
        """
        channel = found.name
        room = self._hub.room(channel)
        if room is not None:
            return room
        lock = self._opening.setdefault(channel, asyncio.Lock())
        async with lock:
            room = self._hub.room(channel)  # another may have opened it meanwhile
            if room is None:
                position = await self._engine.open(channel, found.options)
                room = self._hub.open(channel, position, found.options.slow_reader)
        return room

    def hold(self, room: Room, peer: Peer) -> None:
        """Keep for ``peer`` what comes from now on: it is reading the past."""
        self._hub.hold(room, peer)

    def give_up(self, room: Room, peer: Peer) -> None:
        """What was held is not wanted any more."""
        self._hub.leave(room, peer)

    def go_live(self, room: Room, peer: Peer, after: int) -> list[Publication] | None:
        """Let ``peer`` in, and hand over what was held past ``after``; None where that was too
        much."""
        is_first = self._greet(peer, room)
        tail = self._hub.go_live(room, peer, after)
        self._entered(peer, room, is_first=is_first)
        return tail

    def enter(self, peer: Peer, room: Room) -> None:
        """Subscribe ``peer`` from now on. The others are told; it is not told of itself."""
        is_first = self._greet(peer, room)
        self._hub.join(room, peer)
        self._entered(peer, room, is_first=is_first)

    def _greet(self, peer: Peer, room: Room) -> bool:
        """Tell those who are there; whether nobody is."""
        is_first = not room.groups
        self._announcer.enter(room, peer.session.user)
        return is_first

    def _entered(self, peer: Peer, room: Room, *, is_first: bool) -> None:
        peer.session.subscriptions[room.name] = room.position
        if is_first:
            tell(self._application.occupied, room.name)
        tell(self._application.subscribed, peer, room.name)

    def exit(self, peer: Peer, channel: str) -> None:
        """``peer`` is subscribed no longer, if it was. Nothing more of the channel reaches it."""
        session = peer.session
        was_in = session.subscriptions.pop(channel, None) is not None
        if session.unasked is not None:
            session.unasked.discard(channel)
        room = self._hub.room(channel)
        if room is None:
            return
        self._hub.leave(room, peer)
        if was_in:
            self._announcer.leave(room, session)
            self._left(peer, room)
        self.close_if_empty(channel)

    def _left(self, peer: Peer, room: Room) -> None:
        tell(self._application.unsubscribed, peer, room.name)
        if not room.groups:
            tell(self._application.vacated, room.name)

    def close_if_empty(self, channel: str) -> None:
        room = self._hub.room(channel)
        if room is not None and room.is_empty and channel != self.kept:
            self._hub.close(room)
            self._announcer.forget(channel)
            self._engine.close(channel)


def tell(notice: Callable[..., None], *facts: Any) -> None:
    """Tell the application something; its own failure is its own."""
    try:
        notice(*facts)
    except Exception:
        logger.exception("the application failed")
