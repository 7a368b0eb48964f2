"""Channel: one channel as an application reads it and publishes to it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from typing import TYPE_CHECKING, Any, Generic, TypeVar, Unpack

from tidewire.client.events import ChannelEvent, Entry, History
from tidewire.client.feed import Feed
from tidewire.client.reading import DataReader
from tidewire.client.stream import Delivery
from tidewire.errors import TidewireError
from tidewire.messages import Position, PresenceList

if TYPE_CHECKING:
    from tidewire.client.core import Client, PublishOptions

T = TypeVar("T")


class Channel(Generic[T]):
    """``async for entry in channel`` reads it: every entry once, in order, through every
    disconnection. One loop reads a channel at a time: a second takes it over.

    Left and read again it goes on where it was left.
    """

    def __init__(self, client: Client, feed: Feed, reader: DataReader[T]) -> None:
        self._client = client
        self._feed = feed
        self._reader = reader

    @property
    def name(self) -> str:
        return self._feed.name

    @property
    def position(self) -> Position | None:
        """How far it has been received: to go on from in another process, once all is read."""
        return self._feed.stream.position

    # -- reading -------------------------------------------------------------------------------

    def __aiter__(self) -> AsyncIterator[Entry[T]]:
        return self.entries()

    async def entries(self) -> AsyncGenerator[Entry[T], None]:
        """The entries alone. Whoever must know of gaps reads ``events``.

        Raises ``CommandRefused`` where the server does not let us in, or not any more;
        ``ClientClosed`` where it will not have us. Ends when the client is closed here.
        """
        async for event in self._follow(wants_news=False):
            if isinstance(event, Entry):
                yield event

    async def events(self) -> AsyncGenerator[ChannelEvent[T], None]:
        """Entries, and what else there is to know: gaps, entries left out, signals, who is here."""
        async for event in self._follow(wants_news=True):
            yield event

    async def _follow(self, *, wants_news: bool) -> AsyncGenerator[ChannelEvent[T], None]:
        feed, reader = self._feed, object()
        self._begin(reader, wants_news=wants_news)
        try:
            while feed.reader is reader:
                item = feed.buffer.take()
                if item is not None:
                    self._client.taken(feed)
                    yield self._shown(item)
                elif feed.is_over:
                    if feed.error is not None:
                        raise feed.error
                    return
                else:
                    await feed.changed.wait()
        finally:
            self._stop(reader)
        raise TidewireError(f"another loop has begun to read {self.name}")

    def _begin(self, reader: object, *, wants_news: bool) -> None:
        feed = self._feed
        is_first, feed.reader = feed.reader is None or feed.is_over, reader
        feed.wants_news = wants_news
        if is_first:
            self._client.join(feed)
        feed.changed.ring()

    def _stop(self, reader: object) -> None:
        if self._feed.reader is reader:
            self._feed.reader = None
            self._client.leave(self._feed)

    def _shown(self, item: Any) -> ChannelEvent[T]:
        if isinstance(item, Delivery):
            return self._reader.entry(item.arrived, item.epoch, item.how)
        event: ChannelEvent[T] = item
        return event

    # -- asking and telling --------------------------------------------------------------------

    async def publish(self, data: T, **options: Unpack[PublishOptions]) -> Position:
        """As ``Client.publish``."""
        return await self._client.publish(self.name, data, **options)

    async def history(
        self,
        *,
        since: Position | None = None,
        before: Position | None = None,
        limit: int = 100,
        reverse: bool = False,
    ) -> History[T]:
        """As ``Client.history``, with the data read as this channel's types."""
        return await self._client.history(
            self.name,
            since=since,
            before=before,
            limit=limit,
            reverse=reverse,
            reader=self._reader,
        )

    async def presence(self) -> PresenceList:
        """Who is here now."""
        return await self._client.presence(self.name)

    async def signal(self, name: str, data: Any = None) -> None:
        """As ``Client.signal``."""
        await self._client.signal(self.name, name, data)

    async def set_state(self, data: Any) -> None:
        """What the others see of this client here, for as long as it reads the channel."""
        command = {"type": "state", "channel": self.name, "data": data}
        await self._client.ask(command, may_repeat=True)
