"""Services: what a node does for those who have no session: the application, HTTP, streams.

No limit of a client is looked at here, and no permission but in ``may``.
"""

from __future__ import annotations

from collections.abc import Callable

from tidewire.channels.options import Action, ChannelOptions
from tidewire.channels.patterns import Found
from tidewire.clock import Clock
from tidewire.engines.base import Engine, Lease, Page, Query, Receipt, Snapshot
from tidewire.errors import ErrorCode
from tidewire.hub import Hub
from tidewire.messages import Event, Position, PresenceList, Publication, Signal
from tidewire.node.announcer import Announcer
from tidewire.node.following import SYSTEM_PREFIX, Followers, OnEntries
from tidewire.node.peer import Peer
from tidewire.node.permissions import Permissions
from tidewire.node.publishing import Publisher
from tidewire.node.rooms import Rooms
from tidewire.node.signals import Signals
from tidewire.node.subscribing import Subscriber
from tidewire.session import forbidden
from tidewire.websocket.close_codes import CloseCode


class Services:
    """The node as others on the server use it; its parts are the node's to make."""

    engine: Engine
    clock: Clock
    _hub: Hub
    _announcer: Announcer
    _permissions: Permissions
    _rooms: Rooms
    _publisher: Publisher
    _subscriber: Subscriber
    _signals: Signals
    _followers: Followers

    def find(self, channel: str) -> Found | None:
        """The channel; None where no pattern is configured for its name."""
        return self._permissions.find(channel)

    async def may(self, peer: Peer, action: Action, channel: str) -> Found:
        """The channel, where ``peer`` may do ``action`` there now.

        The same question on every path. Raises ``CommandRefused``.
        """
        return await self._permissions.may(peer, action, channel)

    def publish(self, entry: Publication, options: ChannelOptions, receipt: Receipt | None) -> None:
        """Publish without a session and its limits.

        A ``receipt`` whose sender can be called is handed to it when it has
        ended. Raises ``EngineUnavailable`` where too much is in flight.
        """
        self._publisher.accept(entry, options, receipt)

    def signal(self, signal: Signal) -> None:
        """Tell a channel something that is not kept. Never fails."""
        self._signals.send(signal)

    def send(self, peer: Peer, event: Event) -> None:
        """Tell one client something, with this tick's write."""
        peer.send(event)

    async def subscribe(self, peer: Peer, channel: str, since: Position | None = None) -> None:
        """Subscribe ``peer`` unasked: permissions are not looked at, and it is told ``subscribed``.

        Raises ``CommandRefused`` for a channel that is not configured and a peer that
        has gone, ``EngineUnavailable``.
        """
        await self._subscriber.put_in(peer, channel, since)

    def unsubscribe(self, peer: Peer, channel: str, code: ErrorCode = "forbidden") -> None:
        """End a subscription, if there is one; ``peer`` is told ``unsubscribed`` with ``code``."""
        self._subscriber.put_out(peer, channel, code)

    async def presence(self, channel: str) -> PresenceList:
        """Who is in a channel now. Raises ``EngineUnavailable``."""
        return self._announcer.present(channel)

    def subscriber_count(self, channel: str) -> int:
        """Clients of this node that are subscribed there."""
        room = self._hub.room(channel)
        return 0 if room is None else len(room)

    async def history(self, channel: str, query: Query) -> Page:
        """Read a configured channel's log. Raises ``CommandRefused``, ``EngineUnavailable``."""
        return await self.engine.read(channel, self._options_of(channel), query)

    async def snapshot(self, channel: str) -> Snapshot:
        """The latest entry of each key; as ``history``."""
        return await self.engine.snapshot(channel, self._options_of(channel))

    async def watch(self, peer: Peer, found: Found, wake: Callable[[], None]) -> None:
        """Call ``wake`` at each of the channel's next entries, until ``unwatch``.

        ``peer`` is not in the channel: nobody is told of it. Raises ``EngineUnavailable``.
        """
        self._hub.watch(await self._rooms.open(found), peer, wake)

    def unwatch(self, peer: Peer, channel: str) -> None:
        """Nothing happens where it does not watch."""
        room = self._hub.room(channel)
        if room is not None:
            self._rooms.give_up(room, peer)
            self._rooms.close_if_empty(channel)

    def _options_of(self, channel: str) -> ChannelOptions:
        found = self.find(channel)
        if found is None:
            raise forbidden()
        return found.options

    async def lease(self, name: str, holder: str, ttl_s: float) -> Lease | None:
        """As the engine's: the right to be the only one to do something."""
        return await self.engine.lease(name, holder, ttl_s)

    async def release(self, lease: Lease) -> None:
        """As the engine's."""
        await self.engine.release(lease)

    async def channels(self) -> list[str]:
        """Channels that are in use or keep something, sorted. Raises ``EngineUnavailable``."""
        names = await self.engine.channels()
        return [name for name in names if not name.startswith(SYSTEM_PREFIX)]

    def channel_count(self) -> int:
        """Channels that somebody here is subscribed to."""
        return len(self._hub)

    def options(self, channel: str) -> ChannelOptions | None:
        found = self.find(channel)
        return None if found is None else found.options

    async def follow(
        self, channel: str, options: ChannelOptions, on_entries: OnEntries
    ) -> Snapshot:
        """Read a system channel (``$name``, its options given here) from now on.

        Answers its latest entry of each key; ``on_entries`` is told of what follows. Raises
        ``EngineUnavailable``.
        """
        return await self._followers.follow(channel, options, on_entries)

    def disconnect(self, peer: Peer, close_code: CloseCode, reason: str | None = None) -> None:
        """Close a client's connection; ``reason`` is for people, and stands in the Close frame."""
        peer.close(close_code, reason)
