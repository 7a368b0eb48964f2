"""Reading and acting: what an application knows of channels, and does to who is connected."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from tidewire.app.client import Client
from tidewire.app.publishing import Publishes
from tidewire.app.registry import Registry
from tidewire.app.saying import text_of
from tidewire.channels.names import check_name
from tidewire.engines.base import Query
from tidewire.history.log import Gap
from tidewire.messages import Position, PresenceList, Publication, Signal
from tidewire.node.peer import Peer
from tidewire.websocket import close_codes

PAGE = 100
"""Entries that are read unless another number is asked for; as a client's ``history``."""


class Entry(Struct, frozen=True):
    """A publication, with its data read: as its channel's type, or as plain JSON."""

    position: Position
    timestamp: int
    user_id: str
    client_id: str
    type: str
    """``message``, ``chat``, or the type of an application's message."""

    data: Any
    key: str | None = None
    tags: dict[str, str] | None = None


class Past(Struct, frozen=True):
    """Entries of a channel, and where its log stands.

    ``is_complete`` is False where ``since`` or ``before`` is a place the log no
    longer knows: then nothing can be said for certain, and ``entries`` are none.
    """

    head: Position
    entries: list[Entry]
    is_complete: bool


class Reads(Publishes):
    """The part of ``App`` that reads, and that acts on clients."""

    _registry: Registry

    async def history(
        self,
        channel: str,
        *,
        since: Position | None = None,
        before: Position | None = None,
        limit: int = PAGE,
        newest_first: bool = False,
    ) -> Past:
        """The entries after ``since``, before ``before``, between both, or the latest ``limit``.

        No permission is asked. Raises ``CommandRefused`` for a channel that is not
        configured, ``EngineUnavailable``.
        """
        link = self._linked()
        query = Query(since=since, before=before, limit=limit, newest_first=newest_first)
        page = await link.come(link.node.history(channel, query))
        if isinstance(page.found, Gap):
            return Past(page.head, [], is_complete=False)
        entries = [self._entry(page.head.epoch, each) for each in page.found.entries]
        return Past(page.head, entries, is_complete=True)

    async def latest(self, channel: str) -> dict[str, Any]:
        """The data of the latest entry of each key, where the channel keeps them."""
        link = self._linked()
        snapshot = await link.come(link.node.snapshot(channel))
        return {each.key: self._data(each) for each in snapshot.entries if each.key is not None}

    async def presence(self, channel: str) -> PresenceList:
        """Who is in a channel: how many users, and in all but large ones who they are."""
        link = self._linked()
        return await link.come(link.node.presence(channel))

    def signal(self, channel: str, name: str, data: Any = None, *, user_id: str = "") -> None:
        """Tell who is in a channel something that is not kept. From any thread; may be lost."""
        check_name(channel)
        link, text = self._linked(), text_of(data)
        link.soon(lambda: link.node.signal(Signal(channel, name, user_id, "", text)))

    def disconnect(self, who: Client | str, reason: str = "") -> None:
        """Close a client's connection, or all of a user's on this node, as forbidden.

        From any thread. They may come back with a valid credential: to keep them out,
        revoke it.
        """
        if isinstance(who, Client):
            who.kick(reason)
            return
        link = self._linked()
        link.soon(lambda: _disconnect(link.node.clients.of_user(who), reason))

    def _entry(self, epoch: str, entry: Publication) -> Entry:
        return Entry(
            position=Position(epoch, entry.seq, entry.tag),
            timestamp=entry.timestamp,
            user_id=entry.user_id,
            client_id=entry.client_id,
            type=entry.kind,
            data=self._data(entry),
            key=entry.key,
            tags=entry.tags,
        )

    def _data(self, entry: Publication) -> Any:
        found = self._linked().node.find(entry.channel)
        if found is None or entry.kind != "message":
            return msgspec.json.decode(entry.data)
        return self._registry.read(found.pattern, entry.data)


def _disconnect(peers: list[Peer], reason: str) -> None:
    for peer in peers:
        peer.close(close_codes.FORBIDDEN, reason or None)
