"""The long poll: publications since a position, waited for where there are none yet.

A waiting poll counts as a connection. It is in no channel, so nobody is told that
it comes and goes: it is woken by the next entry, and then reads what there is.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from itertools import accumulate
from typing import Protocol

import msgspec
from msgspec import Struct

from tidewire.channels.options import Action
from tidewire.channels.patterns import Found
from tidewire.dialects.base import Dialect
from tidewire.dialects.eventstream import last_id
from tidewire.engines.base import Page, Query
from tidewire.errors import CommandRefused, HandshakeRefused
from tidewire.history.log import Gap
from tidewire.messages import ENVELOPE_BYTES, HistoryPage, Position, Publication, Recovery
from tidewire.node.pages import PAGE_BYTES, first_page
from tidewire.node.peer import Peer
from tidewire.security.handshake import Handshake
from tidewire.security.ids import new_client_id
from tidewire.security.refusals import bad_request
from tidewire.security.user import User
from tidewire.server.door import FrontDoor, Request
from tidewire.server.queries import read_channels, read_places, with_ticket
from tidewire.server.shared import Shared
from tidewire.server.visitor import Visitor
from tidewire.session import Session

MAX_WAIT_S = 30.0
"""Below the minute after which proxies give up on an answer."""

LOOK_S = 1.0
"""While a poll waits it is looked at so often whether its client's proof still holds: nobody may
hear anything a second after it was revoked."""

MAX_ENTRIES = 300
"""In one answer and channel, as in a page of history."""

KEPT_S = 60.0
"""A channel that nobody is in and that keeps nothing may be freed, and begin anew: to who polls
it that would be a gap each time. It stays open until the next poll has surely come."""

MAX_KEPT = 10_000
"""Channels kept so, some 10 MiB; beyond it a quiet one may be a gap."""

PUBLIC = "public, max-age=1"
"""What anybody may read is the same for all who stand at the same place: for a second a cache in
front may answer them together."""

PRIVATE = "private, no-cache"


class Library(Protocol):
    """What the node does for those who read now and then."""

    async def may(self, peer: Peer, action: Action, channel: str) -> Found:
        """Raises ``CommandRefused``."""
        ...

    async def history(self, channel: str, query: Query) -> Page:
        """Raises ``CommandRefused``, ``EngineUnavailable``."""
        ...

    async def watch(self, peer: Peer, found: Found, wake: Callable[[], None]) -> None:
        """Call ``wake`` at each next entry, until ``unwatch``. Raises ``EngineUnavailable``."""
        ...

    def unwatch(self, peer: Peer, channel: str) -> None: ...


class Answer(Struct, frozen=True):
    """What a poll is told; ``body`` is empty where nothing came for who knows the rest (304)."""

    body: bytes
    etag: str
    cache_control: str


class _Asked(Struct, frozen=True):
    """One poll's question."""

    places: Mapping[str, Position | None]
    knows: str
    wait_s: float

    @property
    def is_for_news(self) -> bool:
        """Who does not say where it stands is told so at once."""
        return self.wait_s > 0 and None not in self.places.values()


class PollDesk:
    """Answers polls, each when there is something to say or its time is over."""

    def __init__(self, door: FrontDoor, library: Library, shared: Shared, dialect: Dialect) -> None:
        self._door = door
        self._library = library
        self._shared = shared
        self._dialect = dialect
        self._waiting: set[asyncio.Event] = set()
        self._kept: dict[str, tuple[Visitor, asyncio.TimerHandle]] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def close(self) -> None:
        """Nobody waits any longer: all are answered with what there is."""
        for waiting in self._waiting:
            waiting.set()
        for channel in list(self._kept):
            self._let_go(channel)

    async def answer(self, request: Request) -> Answer:
        """Raises ``HandshakeRefused``. Cancellation leaves nothing counted, and nobody waiting."""
        self._door.check_running()
        handshake, address = self._door.read(request)
        asked = _read(handshake, request.query)
        user = await self._door.enter(with_ticket(handshake), address)
        try:
            return await self._answer(user, asked)
        except CommandRefused as refusal:
            raise refused(refusal) from None
        finally:
            self._door.leave(user, address.limited_ip)

    async def _answer(self, user: User, asked: _Asked) -> Answer:
        visitor = Visitor(Session(new_client_id(), user, self._shared.limits.session))
        found = [await self._library.may(visitor, "subscribe", name) for name in asked.places]
        news = asyncio.Event()
        self._waiting.add(news)
        try:
            for channel in found:
                await self._library.watch(visitor, channel, news.set)
            pages = await self._pages(visitor, found, asked)
            if asked.is_for_news and not any(map(_says_something, pages)):
                await self._wait(user, news, asked.wait_s)
                pages = await self._pages(visitor, found, asked)
        finally:
            self._waiting.discard(news)
            for channel in found:
                self._keep(visitor, channel.name)
        return self._told(pages, asked, is_public=_is_public(user, found))

    async def _wait(self, user: User, news: asyncio.Event, wait_s: float) -> None:
        """Until there is something to read, or the time is over; as long as ``user`` may."""
        left_s = wait_s
        while left_s > 0 and not news.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(min(left_s, LOOK_S)):
                    await news.wait()
            left_s -= LOOK_S
            self._door.check_in_force(user)

    def _keep(self, visitor: Visitor, channel: str) -> None:
        """Let ``visitor`` keep the channel open for a while, in place of the one before it."""
        if channel not in self._kept and len(self._kept) >= MAX_KEPT:
            self._library.unwatch(visitor, channel)
            return
        self._let_go(channel)
        timer = self._shared.loop.call_later(KEPT_S, self._let_go, channel)
        self._kept[channel] = (visitor, timer)

    def _let_go(self, channel: str) -> None:
        visitor, timer = self._kept.pop(channel, (None, None))
        if visitor is not None and timer is not None:
            timer.cancel()
            self._library.unwatch(visitor, channel)

    async def _pages(
        self, visitor: Visitor, found: list[Found], asked: _Asked
    ) -> list[HistoryPage]:
        """All of them together are one page: what does not fit is for the next poll.

        A peer may leave its answer unread, and nobody counts it any more.
        """
        pages: list[HistoryPage] = []
        room = PAGE_BYTES
        for each in found:
            since = asked.places[each.name]
            page = _within(await self._page(visitor, each, since), since, room)
            room -= sum(map(_size, page.messages))
            pages.append(page)
        return pages

    async def _page(self, visitor: Visitor, found: Found, since: Position | None) -> HistoryPage:
        if since is None:
            page = await self._library.history(found.name, Query(limit=1))
            return _excerpt(found.name, page, "none")
        if not await self._may_start(visitor, found, since):
            page = await self._library.history(found.name, Query(limit=1))
            return _excerpt(found.name, page, "none" if since == page.head else "gap")
        query = Query(since, limit=MAX_ENTRIES + 1)
        page = await self._library.history(found.name, query)
        return _excerpt(found.name, page, "gap" if isinstance(page.found, Gap) else "complete")

    async def _may_start(self, visitor: Visitor, found: Found, since: Position) -> bool:
        """A tag proves that a client has been there; a bare number is for who may read history
        (catalogue 74)."""
        if since.tag or found.options.may_read_history is None:
            return True
        try:
            await self._library.may(visitor, "history", found.name)
        except CommandRefused:
            return False
        return True

    def _told(self, pages: list[HistoryPage], asked: _Asked, *, is_public: bool) -> Answer:
        position = last_id(Position(page.epoch, page.seq, page.tag) for page in pages)
        cache_control = PUBLIC if is_public else PRIVATE
        body = b""
        if position != asked.knows:
            told = b",".join(map(self._dialect.event, pages))
            body = b'{"position":"%b","channels":[%b]}' % (position.encode(), told)
        return Answer(body, f'"{position}"', cache_control)


def refused(refusal: CommandRefused) -> HandshakeRefused:
    """A command's refusal, as an HTTP status."""
    return HandshakeRefused(
        STATUS.get(refusal.code, 500),
        refusal.code,
        str(refusal),
        retry_after_s=refusal.retry_after_s,
    )


STATUS = {
    "malformed": 400,
    "forbidden": 403,
    "not_subscribed": 403,
    "rate_limited": 429,
    "limit": 429,
    "too_large": 413,
    "unavailable": 503,
    "unknown_outcome": 504,
    "internal": 500,
}


def _read(handshake: Handshake, query: bytes) -> _Asked:
    channels = read_channels(query)
    knows = (handshake.header("if-none-match") or "").removeprefix("W/").strip('"')
    since = handshake.query.get("since", knows)
    return _Asked(read_places(channels, since), knows, _wait_s(handshake.query.get("wait")))


def _wait_s(text: str | None) -> float:
    if text is None:
        return MAX_WAIT_S
    if not (text.isascii() and text.isdigit() and int(text[:4]) <= MAX_WAIT_S):
        raise bad_request(f"wait is a number of seconds up to {MAX_WAIT_S:.0f}")
    return float(text)


def _excerpt(channel: str, page: Page, recovery: Recovery) -> HistoryPage:
    entries = [] if recovery != "complete" or isinstance(page.found, Gap) else page.found.entries
    shown = first_page(entries[:MAX_ENTRIES])
    reached = page.head
    if len(shown) < len(entries):
        reached = Position(page.head.epoch, shown[-1].seq, shown[-1].tag)
    return HistoryPage(
        channel=channel,
        epoch=reached.epoch,
        seq=reached.seq,
        tag=reached.tag,
        recovery=recovery,
        messages=shown,
        more=len(shown) < len(entries),
    )


def _within(page: HistoryPage, since: Position | None, room: int) -> HistoryPage:
    """``page`` with as many of its entries as there is room for; all, where it is the first."""
    shown = _fitting(page.messages, room)
    if since is None or room == PAGE_BYTES or len(shown) == len(page.messages):
        return page
    seq, tag = (shown[-1].seq, shown[-1].tag) if shown else (since.seq, since.tag)
    return msgspec.structs.replace(page, seq=seq, tag=tag, messages=shown, more=True)


def _fitting(entries: Sequence[Publication], room: int) -> Sequence[Publication]:
    sizes = list(accumulate(map(_size, entries)))
    return entries[: bisect_right(sizes, room)]


def _size(entry: Publication) -> int:
    return ENVELOPE_BYTES + len(entry.data)


def _says_something(page: HistoryPage) -> bool:
    return bool(page.messages) or page.recovery == "gap"


def _is_public(user: User, found: list[Found]) -> bool:
    """Whether anybody at all would be told the same."""
    everyones = all(each.options.may_subscribe == "anyone" and not each.variables.get("userId")
                    for each in found)  # fmt: skip
    return user.is_anonymous and everyones
