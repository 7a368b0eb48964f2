"""Recovery: joining a channel with its past, so that no hole and no duplicate comes between.

A subscribe that wants the past holds what arrives live, reads (from ``since``, the
latest few, or the latest of each key) to at least the head, and then answers,
hands over what was held and goes live in one synchronous step. Until that step
nothing has been promised; whatever goes wrong before it leaves the client
unsubscribed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from msgspec import UNSET, Struct, UnsetType

from tidewire.channels.patterns import Found
from tidewire.engines.base import Engine, Query
from tidewire.history.log import Replay
from tidewire.hub import Room
from tidewire.messages import Position, Publication, Recovery, Subscribe, Subscribed
from tidewire.node.pages import pages_of
from tidewire.node.peer import Peer
from tidewire.node.rooms import Rooms
from tidewire.session import forbidden


class Joining:
    """One client on its way into one channel. Void when it is put out meanwhile."""

    __slots__ = ("_over", "command", "found", "grant", "is_void", "may_read_past", "peer")

    def __init__(
        self,
        peer: Peer,
        command: Subscribe,
        found: Found,
        *,
        may_read_past: bool = True,
        grant: str | UnsetType = UNSET,
    ) -> None:
        self.peer = peer
        self.command = command
        self.found = found
        self.may_read_past = may_read_past
        self.grant = grant
        self.is_void = False
        self._over: asyncio.Event | None = None  # made for who waits, which is rare

    @property
    def since(self) -> Position | None:
        """From where it may read: a tag proves that it has been there, a bare number nothing."""
        since = self.command.since
        return since if since is not None and (since.tag or self.may_read_past) else None

    @property
    def wants_past(self) -> bool:
        command = self.command
        has_asked = command.since is not None or command.rewind is not None
        return has_asked or self.found.options.keeps_latest

    async def over(self) -> None:
        """Wait until it has ended, one way or the other."""
        if self._over is None:
            self._over = asyncio.Event()
        await self._over.wait()

    def end(self) -> None:
        if self._over is not None:
            self._over.set()

    def check(self) -> None:
        """Before the step that lets it in: raise where it has no business there any more."""
        if self.is_void or not self.peer.session.is_welcome:
            raise forbidden()


class Past(Struct, frozen=True):
    """What a joining client is told of the time before; None where that cannot be told."""

    head: Position
    entries: list[Publication] | None
    recovery: Recovery
    is_snapshot: bool = False


class Recoverer:
    """Lets clients join, with as much of the past as they ask for."""

    def __init__(self, engine: Engine, rooms: Rooms) -> None:
        self._engine = engine
        self._rooms = rooms

    async def join(self, joining: Joining) -> None:
        """Raises ``EngineUnavailable``, or ``CommandRefused``; the peer is then not subscribed."""
        room = await self._rooms.open(joining.found)
        if not joining.wants_past:
            self._enter(joining, room)
        elif joining.found.name in joining.peer.session.subscriptions:
            await self._replay(joining, room)
        else:
            await self._catch_up(joining, room)

    def joins_at_once(self, joining: Joining) -> bool:
        """Join where nothing has to be waited for; else False, and nothing has happened.

        Without a task a subscribe takes 9 us instead of 15. Raises ``CommandRefused``.
        """
        room = self._rooms.find(joining.found.name)
        if room is None or joining.wants_past:
            return False
        self._enter(joining, room)
        return True

    def _enter(self, joining: Joining, room: Room) -> None:
        peer = joining.peer
        live_after = peer.session.subscriptions.get(room.name)
        if live_after is None:
            joining.check()
            self._rooms.enter(peer, room)
            live_after = room.position
        peer.send(_answer(joining, live_after, "none"))

    async def _catch_up(self, joining: Joining, room: Room) -> None:
        peer = joining.peer
        self._rooms.hold(room, peer)
        try:
            await peer.drained()  # one page of the past on its way at a time
            past = await self._read(joining, room)
            rest = await self._send_pages(joining, past)
            joining.check()
        except BaseException:
            self._rooms.give_up(room, peer)
            raise
        # From here on nothing waits: answer, held tail and live are one step.
        tail = self._rooms.go_live(room, peer, past.head.seq)
        if rest is None or tail is None:
            peer.send(_answer(joining, room.position, "gap"))
        else:
            *full, last = pages_of(rest + tail)
            for entries in full:
                peer.send(_part(joining, past, entries))
            peer.send(
                _answer(joining, room.position, past.recovery, last, is_snapshot=past.is_snapshot)
            )

    async def _read(self, joining: Joining, room: Room) -> Past:
        """What it is after; what belongs to another life of the log than the room's is a gap."""
        past = await self._past(joining, room.position)
        if past.head.epoch != room.position.epoch:
            return Past(past.head, None, "gap")
        return past

    async def _past(self, joining: Joining, here: Position, came_live: int = 0) -> Past:
        command, found = joining.command, joining.found
        recovery: Recovery = "none"
        if command.since is not None:
            recovery = "gap"
            if joining.since is not None:
                page = await self._engine.read(found.name, found.options, Query(joining.since))
                if isinstance(page.found, Replay):
                    return Past(page.head, page.found.entries, "complete")
        elif command.rewind is not None:
            count = command.rewind + came_live
            page = await self._engine.read(found.name, found.options, Query(limit=count))
            entries = page.found.entries if isinstance(page.found, Replay) else None
            return Past(page.head, entries, "none")
        if found.options.keeps_latest:
            snapshot = await self._engine.snapshot(found.name, found.options)
            return Past(snapshot.head, snapshot.entries, recovery, is_snapshot=True)
        return Past(here, None, "gap")

    # -- subscribed already --------------------------------------------------------------------

    async def _replay(self, joining: Joining, room: Room) -> None:
        """The past of a subscription that is there: up to the first live entry sent."""
        peer = joining.peer
        live_after = peer.session.subscriptions[room.name]
        await peer.drained()
        past = await self._past(joining, live_after, room.position.seq - live_after.seq)
        joining.check()
        if not past.is_snapshot:
            past = _until(live_after, past, joining.command.rewind)
        rest = await self._send_pages(joining, past)
        if rest is None:
            peer.send(_answer(joining, past.head, "gap"))
        else:
            peer.send(
                _answer(joining, past.head, past.recovery, rest, is_snapshot=past.is_snapshot)
            )

    async def _send_pages(self, joining: Joining, past: Past) -> list[Publication] | None:
        """Send all pages but the last, each after the one before has left; answers the last."""
        if past.entries is None:
            return None
        pages = pages_of(past.entries)
        for page in pages[:-1]:
            joining.peer.send(_part(joining, past, page))
            await joining.peer.drained()
            joining.check()
        return pages[-1]


def _until(live_after: Position, past: Past, count: int | None) -> Past:
    """What of ``past`` did not come live; of that the last ``count``, where so many were asked."""
    if past.entries is None or past.head.epoch != live_after.epoch:
        return Past(live_after, None, "gap")
    entries = [entry for entry in past.entries if entry.seq <= live_after.seq]
    if past.recovery == "none" and count is not None:
        entries = entries[-count:]
    return Past(live_after, entries, past.recovery)


def _part(joining: Joining, past: Past, page: Sequence[Publication]) -> Subscribed:
    """A page that others follow, which is no answer yet: it has no ``id``."""
    return Subscribed(
        channel=joining.found.name,
        epoch=past.head.epoch,
        seq=page[-1].seq,
        tag=page[-1].tag,
        recovery=past.recovery,
        messages=page,
        more=True,
        snapshot=past.is_snapshot,
    )


def _answer(
    joining: Joining,
    position: Position,
    recovery: Recovery,
    messages: Sequence[Publication] = (),
    *,
    is_snapshot: bool = False,
) -> Subscribed:
    return Subscribed(
        id=joining.command.id,
        channel=joining.found.name,
        epoch=position.epoch,
        seq=position.seq,
        tag=position.tag,
        recovery=recovery,
        messages=messages,
        snapshot=is_snapshot,
        grant=joining.grant,
    )
