"""Client: what an application uses: channels, publishing, calls, and how the connection is."""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Mapping
from ssl import SSLContext
from types import TracebackType
from typing import Any, TypedDict, TypeVar, Unpack, overload

import msgspec
from msgspec import Struct

from tidewire.client.buffer import BUFFER_ENTRIES, Buffer, Policy
from tidewire.client.channel import Channel
from tidewire.client.connection import Connection, Parts
from tidewire.client.credentials import Credentials, GetToken
from tidewire.client.errors import OutcomeUnknown
from tidewire.client.events import History
from tidewire.client.exchange import Answer
from tidewire.client.feed import Feed
from tidewire.client.keeper import Keeper
from tidewire.client.outgoing import Outcome, Outgoing, QueueLimits, refusal
from tidewire.client.reading import DataReader, Format, Page, Reader
from tidewire.client.state import ConnectionState
from tidewire.client.stream import Stream
from tidewire.client.wire import Address
from tidewire.errors import CommandRefused, TidewireError
from tidewire.messages import Failure, Op, Position, PresenceList, Result

T = TypeVar("T")

ID_BYTES = 32
"""For the ``id`` that a command is given when it is sent."""

HISTORY_ENTRIES = 100


class PublishOptions(TypedDict, total=False):
    """What a publication may carry beside its data, as the protocol has it."""

    once: str | None
    key: str | None
    ref: int | None
    op: Op | None
    ttl: float | None
    tags: Mapping[str, str] | None


class ChannelOptions(TypedDict, total=False):
    """How to read a channel.

    ``since``: from there on, without a hole. ``rewind``: the latest so many first. Both
    count for the first subscribe; after that it goes on where it is. ``policy`` says what
    happens when the reader is behind by ``buffer`` entries.
    """

    since: Position | None
    rewind: int | None
    policy: Policy
    buffer: int


class Client:
    """Use it as an asynchronous context manager: ``async with connect(url) as client``.

    Entering waits for the first connection, however long that takes
    (``asyncio.timeout`` bounds it), and raises ``ClientClosed`` where the server will
    not have us. Leaving says goodbye; no task and no socket is left behind.
    """

    def __init__(
        self,
        address: Address,
        credentials: Credentials,
        *,
        queue: QueueLimits,
        draw: Callable[[], float],
    ) -> None:
        self._format: Format = address.format
        self._encode: Callable[[Any], bytes] = getattr(msgspec, address.format).encode
        self._outgoing = Outgoing(queue, time.monotonic)
        self._feeds: dict[str, Feed] = {}
        self._reader = Reader(address.format)
        self._parts = Parts(self._feeds, self._outgoing, credentials, self._reader, draw, {})
        self._keeper = Keeper(address, self._parts, draw)

    async def __aenter__(self) -> Client:
        self._keeper.start()
        try:
            await self._keeper.opened()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Say goodbye and let go of everything. Harmless when closed already.

        What still waits to be published ends as ``NotSent`` or ``OutcomeUnknown``; loops
        that read channels end.
        """
        await self._keeper.close()

    @property
    def state(self) -> ConnectionState:
        """How the connection is."""
        return self._keeper.state

    def states(self) -> AsyncIterator[ConnectionState]:
        """How the connection is: now, and whenever that changes; ends with ``Closed``."""
        return self._keeper.states()

    @property
    def subscriptions(self) -> dict[str, Position]:
        """The channels that the server has subscribed this client to, and from where: a
        ``since`` for whoever begins to read them later."""
        return dict(self._parts.unasked)

    # -- channels ------------------------------------------------------------------------------

    @overload
    def channel(self, name: str, **options: Unpack[ChannelOptions]) -> Channel[Any]: ...
    @overload
    def channel(
        self, name: str, *types: type[T], **options: Unpack[ChannelOptions]
    ) -> Channel[T]: ...
    def channel(
        self, name: str, *types: type[Any], **options: Unpack[ChannelOptions]
    ) -> Channel[Any]:
        """A channel to read and to publish to; entries' data are read as one of ``types``.

        Nothing is subscribed to before it is read. Asked for again it is the same channel,
        which goes on where it was left; ``options`` count the first time.
        """
        if name not in self._feeds:
            stream = Stream(name, since=options.get("since"), rewind=options.get("rewind"))
            buffer = Buffer(options.get("policy", "wait"), options.get("buffer", BUFFER_ENTRIES))
            self._feeds[name] = Feed(stream, buffer)
        return Channel(self, self._feeds[name], DataReader(types, self._format))

    def join(self, feed: Feed) -> None:
        """Somebody reads this channel now."""
        self._keeper.check()
        feed.begin()
        if self._keeper.connection is not None:
            self._keeper.connection.subscribe(feed)

    def leave(self, feed: Feed) -> None:
        """Nobody does any more."""
        if self._keeper.connection is not None:
            self._keeper.connection.unsubscribe(feed)

    def taken(self, feed: Feed) -> None:
        """Its reader has taken something."""
        if self._keeper.connection is not None:
            self._keeper.connection.moved(feed)

    # -- asking --------------------------------------------------------------------------------

    async def ask(self, command: dict[str, Any], *, may_repeat: bool) -> Answer:
        """Send ``command`` once connected, and wait for its answer.

        Raises ``CommandRefused``; ``OutcomeUnknown`` where the connection breaks meanwhile,
        unless it may be repeated. Cancelled, the command may be done all the same.
        """
        while True:
            answer = await _answer(await self._keeper.opened(), command)
            if isinstance(answer, Failure):
                raise refusal(answer)
            if answer is not None:
                return answer
            if not may_repeat:
                raise OutcomeUnknown("the connection broke before an answer came")

    async def call(self, method: str, data: Any = None) -> Any:
        """Ask the server's application something. Raises ``CommandRefused`` as it refuses."""
        command = {"type": "call", "method": method, "data": data}
        answer = _expected(await self.ask(command, may_repeat=False), Result)
        return self._reader.value(answer.data)

    async def send(self, message: Struct | dict[str, Any]) -> None:
        """Send a message of the application's own, and wait until it has been handled."""
        command = message if isinstance(message, dict) else msgspec.to_builtins(message)
        await self.ask(command, may_repeat=False)

    async def signal(self, channel: str, name: str, data: Any = None) -> None:
        """Tell a channel's others something that is not kept. Without a connection it is lost."""
        if self._keeper.connection is not None:
            command = {"type": "signal", "channel": channel, "name": name, "data": data}
            self._keeper.connection.tell(command)

    async def presence(self, channel: str) -> PresenceList:
        """Who is in a channel now."""
        answer = await self.ask({"type": "presence", "channel": channel}, may_repeat=True)
        return _expected(answer, PresenceList)

    async def history(
        self,
        channel: str,
        *,
        since: Position | None = None,
        before: Position | None = None,
        limit: int = HISTORY_ENTRIES,
        reverse: bool = False,
        reader: DataReader[T] | None = None,
    ) -> History[T]:
        """Entries after ``since``, before ``before``, or the latest; at most ``limit``, to 300."""
        asked = {"channel": channel, "since": since, "before": before, "limit": limit}
        command = {"type": "history", **_given(asked), "reverse": reverse}
        page = _expected(await self.ask(command, may_repeat=True), Page)
        read: DataReader[T] = reader or DataReader((), self._format)
        return History(
            [read.entry(each, page.position.epoch, "recovered") for each in page.entries],
            page.position,
            is_complete=page.recovery != "gap",
            has_more=page.more,
        )

    # -- publishing ----------------------------------------------------------------------------

    async def publish(self, channel: str, data: Any, **options: Unpack[PublishOptions]) -> Position:
        """Publish, now or once connected; the position, when the server keeps it.

        Raises ``CommandRefused``, ``NotSent`` and ``QueueFull`` where it is nowhere,
        ``OutcomeUnknown`` where it may be there. Cancelled, it may be published.
        """
        return await self._append(self._publish_command(channel, data, options))

    async def chat(self, text: str, channel: str = "lobby") -> Position:
        """Say something, as an entry of kind ``chat``; otherwise as ``publish``."""
        return await self._append({"type": "chat", "channel": channel, "text": text})

    async def _append(self, command: dict[str, Any]) -> Position:
        self._keeper.check()
        command.setdefault("once", secrets.token_hex(12))
        size, limit = len(self._encode(command)) + ID_BYTES, self._keeper.max_message_bytes
        if size > limit:
            raise CommandRefused("too_large", f"{size} bytes, where {limit} are allowed")
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._outgoing.add(
            command, size, lambda outcome: None if future.done() else future.set_result(outcome)
        )
        self._keeper.pump()
        outcome = await future
        if isinstance(outcome, TidewireError):
            raise outcome
        return outcome

    def _publish_command(self, channel: str, data: Any, options: PublishOptions) -> dict[str, Any]:
        """The data is encoded here and now: what the caller changes later is not published."""
        command = {"type": "publish", "channel": channel, **_given(options)}
        if isinstance(data, bytes) and self._format == "json":
            data, command["encoding"] = b64encode(data).decode(), "base64"
        return {**command, "data": msgspec.Raw(self._encode(data))}


def connect(
    url: str,
    *,
    token: str | None = None,
    get_token: GetToken | None = None,
    headers: Mapping[str, str] | None = None,
    tls: SSLContext | None = None,
    format: Format = "json",  # noqa: A002 (the word that users know)
    queue: QueueLimits | None = None,
    draw: Callable[[], float] = random.random,
) -> Client:
    """A client of the server at ``url`` (``ws://`` or ``wss://``); enter it with ``async with``.

    ``get_token`` is asked for the first token where ``token`` is not given, before one
    runs out, and when the server wants another. ``wss`` verifies certificates as the
    system does; ``tls`` replaces that. ``draw`` spreads reconnects: it answers a random
    number from 0 to 1.
    """
    address = Address(url, format, tuple((headers or {}).items()), tls)
    return Client(address, Credentials(token, get_token), queue=queue or QueueLimits(), draw=draw)


async def _answer(connection: Connection, command: dict[str, Any]) -> Answer | None:
    """None where the connection was lost before it came."""
    future: asyncio.Future[Answer | None] = asyncio.get_running_loop().create_future()
    connection.ask(command, lambda answer: None if future.done() else future.set_result(answer))
    return await future


def _given(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _expected(answer: Answer, kind: type[T]) -> T:
    if not isinstance(answer, kind):
        raise TidewireError(f"the server answered with {type(answer).__name__}")
    return answer
