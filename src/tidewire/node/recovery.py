"""Recovery: subscribing and reading the past, so that no hole and no duplicate comes between.

A recovering subscribe holds what arrives live, reads from ``since`` to at least
the head, and then answers, hands over what was held and goes live in one
synchronous step. Until that step nothing has been promised; whatever goes wrong
before it leaves the client unsubscribed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import TypeAlias
from weakref import WeakValueDictionary

from msgspec import UNSET

from tidewire.channels.options import ChannelOptions
from tidewire.engines.base import Engine, Query
from tidewire.history.log import Gap
from tidewire.hub import Hub, Room
from tidewire.messages import (
    ENVELOPE_BYTES,
    History,
    HistoryPage,
    Position,
    Publication,
    Recovery,
    Subscribe,
    Subscribed,
)
from tidewire.node.announcer import Announcer
from tidewire.node.peer import Peer

PAGE_BYTES = 256 * 1024
"""What one answer carries of the past: a quarter of what a connection's queue may hold."""

Missed: TypeAlias = list[Publication] | None
"""What was missed, or None where that can no longer be told."""


class Reader:
    """Subscribes peers, and reads the past for them."""

    def __init__(self, engine: Engine, hub: Hub, announcer: Announcer) -> None:
        self._engine = engine
        self._hub = hub
        self._announcer = announcer
        self._opening: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def subscribe(self, peer: Peer, command: Subscribe, options: ChannelOptions) -> None:
        """Raises ``EngineUnavailable``; the peer is then not subscribed."""
        if command.channel in peer.session.subscriptions:
            await self._replay(peer, command, options)
            return
        room = await self.open(command.channel, options)
        if command.since is None:
            self.enter(peer, room)
            peer.send(_answer(command, room.position, "none"))
        else:
            await self._recover(peer, command, command.since, room, options)

    async def open(self, channel: str, options: ChannelOptions) -> Room:
        """The channel's room, opened at the engine by one of those who want it at the same time.

        The others wait for that one: an engine's ``open`` that overlapped another, or a
        ``close`` by the last to leave, could leave a room that hears nothing.
        """
        room = self._hub.room(channel)
        if room is not None:
            return room
        lock = self._opening.setdefault(channel, asyncio.Lock())
        async with lock:
            room = self._hub.room(channel)  # another may have opened it meanwhile
            if room is None:
                room = self._hub.open(channel, await self._engine.open(channel, options))
        return room

    def enter(self, peer: Peer, room: Room) -> None:
        """Subscribe ``peer`` from now on. The others are told; it is not told of itself."""
        self._announcer.enter(room, peer.session.user)
        peer.session.subscriptions[room.name] = self._hub.join(room, peer)

    async def history(self, peer: Peer, command: History, options: ChannelOptions) -> None:
        """Answer what follows ``since``, or the latest entries; at most ``limit`` and a page."""
        page = await self._engine.read(
            command.channel, options, Query(command.since, limit=command.limit)
        )
        if isinstance(page.found, Gap):
            peer.send(_history(command, page.head, "gap", ()))
            return
        entries = page.found.entries
        shown = next(_pages(entries)) if command.since is not None else _last_page(entries)
        reached = page.head
        if shown and shown[-1].seq < page.head.seq:
            reached = Position(page.head.epoch, shown[-1].seq, shown[-1].tag)
        recovery: Recovery = "none" if command.since is None else "complete"
        peer.send(_history(command, reached, recovery, shown, more=reached.seq < page.head.seq))

    async def _recover(
        self,
        peer: Peer,
        command: Subscribe,
        since: Position,
        room: Room,
        options: ChannelOptions,
    ) -> None:
        self._hub.hold(room, peer)
        try:
            page = await self._engine.read(command.channel, options, Query(since))
            missed: Missed = None if isinstance(page.found, Gap) else page.found.entries
            rest = await self._send_pages(peer, command, page.head.epoch, missed)
        except BaseException:
            self._hub.leave(room, peer)
            raise
        # From here on nothing waits: answer, held tail and live are one step.
        self._announcer.enter(room, peer.session.user)
        tail = self._hub.go_live(room, peer, page.head.seq)
        live_after = room.position
        peer.session.subscriptions[room.name] = live_after
        if rest is None or tail is None:
            peer.send(_answer(command, live_after, "gap"))
        else:
            *full, last = _pages(rest + tail)
            for entries in full:
                peer.send(_part(command, live_after.epoch, entries))
            peer.send(_answer(command, live_after, "complete", last))

    async def _replay(self, peer: Peer, command: Subscribe, options: ChannelOptions) -> None:
        """``since`` for a channel that is subscribed already: up to the first live entry sent."""
        live_after = peer.session.subscriptions[command.channel]
        if command.since is None:
            peer.send(_answer(command, live_after, "none"))
            return
        page = await self._engine.read(command.channel, options, Query(command.since))
        missed: Missed = None
        if not isinstance(page.found, Gap) and live_after.epoch == page.head.epoch:
            missed = [entry for entry in page.found.entries if entry.seq <= live_after.seq]
        rest = await self._send_pages(peer, command, live_after.epoch, missed)
        if rest is None:
            peer.send(_answer(command, live_after, "gap"))
        else:
            peer.send(_answer(command, live_after, "complete", rest))

    async def _send_pages(
        self, peer: Peer, command: Subscribe, epoch: str, missed: Missed
    ) -> Missed:
        """Send all pages but the last, each after the one before has left; answers the last."""
        if missed is None:
            return None
        pages = list(_pages(missed))
        for page in pages[:-1]:
            peer.send(_part(command, epoch, page))
            await peer.drained()
        return pages[-1]


def _pages(entries: Sequence[Publication]) -> Iterator[list[Publication]]:
    """Cut ``entries`` into pages of about ``PAGE_BYTES``; at least one, if an empty one."""
    page: list[Publication] = []
    size = 0
    for entry in entries:
        cost = ENVELOPE_BYTES + len(entry.data)
        if page and size + cost > PAGE_BYTES:
            yield page
            page, size = [], 0
        page.append(entry)
        size += cost
    yield page


def _last_page(entries: Sequence[Publication]) -> list[Publication]:
    """The newest of ``entries`` that fit one page, oldest first."""
    newest_first = next(_pages(entries[::-1]))
    return newest_first[::-1]


def _part(command: Subscribe, epoch: str, page: Sequence[Publication]) -> Subscribed:
    """A page that others follow."""
    reached = Position(epoch, page[-1].seq, page[-1].tag)
    return _answer(command, reached, "complete", page, more=True)


def _answer(
    command: Subscribe,
    position: Position,
    recovery: Recovery,
    messages: Sequence[Publication] = (),
    *,
    more: bool = False,
) -> Subscribed:
    """The answer, or with ``more`` a page before it, which is no answer yet: it has no ``id``."""
    return Subscribed(
        id=UNSET if more else command.id,
        channel=command.channel,
        epoch=position.epoch,
        seq=position.seq,
        tag=position.tag,
        recovery=recovery,
        messages=messages,
        more=more,
    )


def _history(
    command: History,
    position: Position,
    recovery: Recovery,
    messages: Sequence[Publication],
    *,
    more: bool = False,
) -> HistoryPage:
    return HistoryPage(
        id=command.id,
        channel=command.channel,
        epoch=position.epoch,
        seq=position.seq,
        tag=position.tag,
        recovery=recovery,
        messages=messages,
        more=more,
    )
