"""Connection: one open connection at work: what arrives goes to who waits for it.

Decides nothing about coming back: it runs until the connection is lost, and leaves
behind what the next one needs (``window_s``, grants). Owns the timers and the task
it starts, and ends with none of them.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, NoReturn

from msgspec import UNSET, Struct

from tidewire import messages
from tidewire.client.bell import Bell
from tidewire.client.credentials import Credentials
from tidewire.client.errors import ConnectionLost
from tidewire.client.events import Signal, StateSet
from tidewire.client.exchange import Answer, Exchange, OnAnswer
from tidewire.client.feed import Feed
from tidewire.client.outgoing import PASSING, Outgoing, refusal
from tidewire.client.reading import Arrived, Incoming, Page, Reader
from tidewire.client.tokens import MAX_SLEEP_S, until_refresh_s, until_retry_s
from tidewire.client.wire import Wire
from tidewire.errors import CommandRefused
from tidewire.messages import Connected, Failure, Position

logger = logging.getLogger("tidewire.client")

REPAIR_ENTRIES = 300
"""Read from history at a time: as many as a server gives."""

RETRY_S = 1.0
"""Before a subscribe that could not be done is tried again, where the server does not say."""


class Parts(Struct, frozen=True):
    """What outlives a connection."""

    feeds: Mapping[str, Feed]
    outgoing: Outgoing
    credentials: Credentials
    reader: Reader
    draw: Callable[[], float]
    unasked: dict[str, Position]
    """Channels that the server subscribes us to, and from where it first did."""


class Connection:
    """From the first message to the last. ``on_open`` is told of the first."""

    def __init__(self, wire: Wire, parts: Parts, on_open: Callable[[Connected], None]) -> None:
        self.exchange = Exchange(wire.write, parts.outgoing)
        self.window_s: float | None = None
        """What a draining server said."""

        self._wire = wire
        self._parts = parts
        self._feeds = parts.feeds
        self._on_open = on_open
        self._moved = Bell()
        self._full: set[Feed] = set()
        self._timers: set[asyncio.TimerHandle] = set()
        self._refreshing: asyncio.Task[None] | None = None
        self._heads: dict[str, Position] = {}  # of what the server sends us and nobody reads yet

    async def run(self) -> NoReturn:
        """Raises ``ConnectionLost`` at its end. Cancelled, it says goodbye to the server."""
        try:
            while True:
                event = self._parts.reader.read(await self._wire.receive())
                if event is not None:
                    self._take(event)
                if self._full:
                    await self._until_there_is_room()
        except asyncio.CancelledError:
            await self._wire.close()
            raise
        finally:
            await self._clean_up()

    async def _clean_up(self) -> None:
        for timer in self._timers:
            timer.cancel()
        for feed in self._feeds.values():
            feed.disconnected()
        self.exchange.lost()
        if self._refreshing is not None:
            self._refreshing.cancel()
            with suppress(asyncio.CancelledError):
                await self._refreshing

    # -- slow readers --------------------------------------------------------------------------

    async def _until_there_is_room(self) -> None:
        """Stop reading while a reader is behind, unless an answer has to be read first."""
        while self._is_held_up:
            await self._moved.wait()

    @property
    def _is_held_up(self) -> bool:
        self._full = {feed for feed in self._full if feed.is_full}
        return bool(self._full) and not self.exchange.is_waiting

    def moved(self, feed: Feed | None = None) -> None:
        """A reader has taken something, or somebody has asked something."""
        if feed is not None and feed.buffer.has_room:
            feed.stream.catch_up()
            self._repair(feed)
        if self._full:
            self._moved.ring()

    # -- what arrives --------------------------------------------------------------------------

    def _take(self, event: Incoming) -> None:
        if isinstance(event, Arrived):
            self._take_entry(event)
        elif isinstance(event, Page):
            self._take_page(event)
        elif event.id is not UNSET:
            self.exchange.answered(event.id, event)
        else:
            self._take_unasked(event)

    def _take_entry(self, arrived: Arrived) -> None:
        place = arrived.envelope
        feed, head = self._feeds.get(place.channel), self._heads.get(place.channel)
        if feed is not None and feed.reader is not None:
            self._tell(feed, feed.stream.entry(arrived))
        elif head is not None:
            self._heads[place.channel] = Position(head.epoch, place.seq, place.tag)

    def _take_page(self, page: Page) -> None:
        if page.id is not None:
            self.exchange.answered(page.id, page)
            return
        feed = self._feeds.get(page.channel)
        if not page.more:
            self._note_unasked(page.channel, page.position)
        if feed is not None and feed.reader is not None:
            self._tell(feed, feed.stream.subscribed(page))

    def _take_unasked(self, event: messages.Event) -> None:
        match event:
            case Connected():
                self._on_connected(event)
            case messages.Draining():
                self._on_draining(event)
            case Failure():
                logger.info("the server refused something: %s (%s)", event.message, event.code)
            case _:
                feed = self._feeds.get(getattr(event, "channel", ""))
                if feed is not None and feed.reader is not None:
                    self._take_channels(feed, event)

    def _take_channels(self, feed: Feed, event: messages.Event) -> None:
        match event:
            case messages.Skipped():
                self._tell(feed, feed.stream.skipped(event))
            case messages.Lost():
                self._tell(feed, feed.stream.lost(event))
            case messages.Unsubscribed():
                code: Any = "forbidden" if event.code is UNSET else event.code
                feed.end(CommandRefused(code, "the server has ended this subscription"))
            case messages.UserJoined() | messages.UserLeft() | messages.Occupancy():
                feed.hear(event)
            case messages.Signalled():
                data = self._parts.reader.value(event.data)
                feed.hear(Signal(feed.name, event.name, data, event.sender, event.client_id))
            case messages.StateChanged():
                data = self._parts.reader.value(event.data)
                feed.hear(StateSet(feed.name, event.user_id, event.client_id, data))

    def _on_connected(self, event: Connected) -> None:
        self._wire.heartbeat_s = event.heartbeat
        self.exchange.limit = event.limits.unanswered_ids
        self.exchange.user_id = event.user_id
        self._parts.credentials.accepted()
        if event.grant is not UNSET:
            self._parts.credentials.grant = event.grant
        self._note_lobby(event)
        for feed in self._feeds.values():
            if feed.reader is not None:
                self.subscribe(feed)
        self.exchange.pump()
        if event.expires_at is not None and self._parts.credentials.can_renew:
            self._refreshing = asyncio.create_task(self._refresh(event.expires_at))
        self._on_open(event)

    def _note_lobby(self, event: Connected) -> None:
        channel, epoch, seq, tag = event.channel, event.epoch, event.seq, event.tag
        if isinstance(channel, str) and isinstance(epoch, str) and isinstance(seq, int):
            self._note_unasked(channel, Position(epoch, seq, tag if isinstance(tag, str) else ""))

    def _note_unasked(self, channel: str, position: Position) -> None:
        self._parts.unasked.setdefault(channel, position)
        self._heads[channel] = position

    def _on_draining(self, event: messages.Draining) -> None:
        self.window_s = event.window
        if event.grant is not UNSET:
            self._parts.credentials.grant = event.grant
        for name, grant in ({} if event.grants is UNSET else event.grants).items():
            if name in self._feeds:
                self._feeds[name].stream.grant = grant

    # -- what is sent --------------------------------------------------------------------------

    def ask(self, command: dict[str, Any], on_answer: OnAnswer) -> None:
        """Send ``command`` as soon as it may be; reading goes on for its answer."""
        self.exchange.ask(command, on_answer)
        self.moved()

    def pump(self) -> None:
        """Send publications, as many as may be."""
        self.exchange.pump()
        self.moved()

    def tell(self, command: dict[str, Any]) -> None:
        """Send what wants no answer and may be lost."""
        if not self._wire.is_congested:
            self._wire.write(command)

    # -- channels ------------------------------------------------------------------------------

    def subscribe(self, feed: Feed) -> None:
        """Ask for the channel, from where its stream stands."""
        feed.asked += 1
        command = {"type": "subscribe", **feed.stream.ask(self._heads.get(feed.name))}
        self.ask(command, partial(self._subscribed, feed, feed.asked))

    def unsubscribe(self, feed: Feed) -> None:
        """Nobody reads it any more."""
        feed.asked += 1
        self._heads.pop(feed.name, None)
        feed.disconnected()
        self.ask({"type": "unsubscribe", "channel": feed.name}, lambda _: None)

    def _subscribed(self, feed: Feed, asked: int, answer: Answer | None) -> None:
        if asked != feed.asked or answer is None:
            return
        if isinstance(answer, Page):
            self._tell(feed, feed.stream.subscribed(answer))
        elif isinstance(answer, Failure) and answer.code in PASSING:
            self._later(answer, lambda: self._subscribe_again(feed, asked))
        elif isinstance(answer, Failure):
            feed.end(refusal(answer))

    def _subscribe_again(self, feed: Feed, asked: int) -> None:
        if asked == feed.asked:
            self.subscribe(feed)

    def _tell(self, feed: Feed, told: list[Any]) -> None:
        if told:
            feed.put(told)
        if feed.is_full:
            self._full.add(feed)
        self._repair(feed)

    def _repair(self, feed: Feed) -> None:
        """Read from history what is missing, if anything is."""
        hole = feed.stream.hole
        if hole is None or feed.is_repairing:
            return
        feed.is_repairing = True
        command = {"type": "history", "channel": feed.name, "since": hole}
        self.ask({**command, "limit": REPAIR_ENTRIES}, partial(self._repaired, feed))

    def _repaired(self, feed: Feed, answer: Answer | None) -> None:
        if answer is None:
            return
        if isinstance(answer, Failure) and answer.code in PASSING:
            self._later(answer, lambda: self._repair_again(feed))
            return
        feed.is_repairing = False
        page = answer if isinstance(answer, Page) else None
        self._tell(feed, feed.stream.repaired(page))

    def _repair_again(self, feed: Feed) -> None:
        feed.is_repairing = False
        self._repair(feed)

    def _later(self, answer: Failure, action: Callable[[], object]) -> None:
        wait_s = answer.retry_after if isinstance(answer.retry_after, float) else RETRY_S

        def run() -> None:
            self._timers.discard(timer)
            action()

        timer = asyncio.get_running_loop().call_later(wait_s, run)
        self._timers.add(timer)

    # -- the token -----------------------------------------------------------------------------

    async def _refresh(self, expires_at: float | None) -> None:
        """Replace the token before it runs out, for as long as it does."""
        failures = 0
        while expires_at is not None:
            wait_s = until_refresh_s(expires_at, time.time())
            await asyncio.sleep(min(wait_s, MAX_SLEEP_S))
            if wait_s > MAX_SLEEP_S:
                continue
            try:
                expires_at = await self._refreshed()
                failures = 0
            except Exception as error:
                logger.warning("the token could not be refreshed: %r", error)
                await asyncio.sleep(until_retry_s(failures, self._parts.draw()))
                failures += 1

    async def _refreshed(self) -> float | None:
        """A new token, shown to the server; when that runs out."""
        token = await self._parts.credentials.renew()
        future: asyncio.Future[Answer | None] = asyncio.get_running_loop().create_future()
        self.ask(
            {"type": "refresh", "token": token},
            lambda answer: None if future.done() else future.set_result(answer),
        )
        answer = await future
        if isinstance(answer, Failure):
            raise refusal(answer)
        if not isinstance(answer, messages.Refreshed):
            raise ConnectionLost(None, "no answer to the new token")
        self._parts.credentials.accepted()
        return answer.expires_at
