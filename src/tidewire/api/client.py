"""The client of the HTTP API for event loops; ``blocking`` is the same for threads.

Every call is answered with a typed value, or raises ``ApiError`` (``ApiUnavailable``
where the server could not be reached or could not do it). A call is repeated by
itself only where doing it twice is the same as once.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from types import TracebackType
from typing import Any, TypeVar, Unpack, cast

import httpx

from tidewire.api import building
from tidewire.api.building import RETRIES, TIMEOUT_S, ContentOptions, given, raw
from tidewire.api.calls import (
    Affected,
    Answer,
    Broadcast,
    Call,
    ChannelList,
    Channels,
    ConnectionList,
    Connections,
    Disconnect,
    History,
    HistoryPage,
    Latest,
    LatestEntries,
    Presence,
    PresenceList,
    Publish,
    Revoked,
    Signal,
    Subscribe,
    Top,
    TopList,
    Unsubscribe,
)
from tidewire.api.errors import ApiError
from tidewire.messages import Position

T = TypeVar("T", bound=Answer)


class AsyncApi:
    """The API for a program with an event loop. Close it, or use it with ``async with``.

    ``url`` is the server's, such as ``http://127.0.0.1:8080``; ``timeout_s`` is for one
    attempt. Cancelling a call leaves open whether it was done.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        timeout_s: float = TIMEOUT_S,
        retries: int = RETRIES,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._retries = retries
        self._http = httpx.AsyncClient(
            base_url=url,
            headers=building.headers_of(key),
            timeout=timeout_s,
            transport=transport,
        )

    async def __aenter__(self) -> AsyncApi:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._http.aclose()

    async def do(self, call: Call) -> Answer:
        """Any call of ``tidewire.api.calls``, repeated where that is safe."""
        attempt = 0
        while True:
            try:
                return await self._attempt(call)
            except ApiError as error:
                if not building.may_go_on(call, error, attempt, self._retries):
                    raise
                pause_s = building.pause_s(attempt, error, random.random())  # noqa: S311
            await asyncio.sleep(pause_s)
            attempt += 1

    async def _attempt(self, call: Call) -> Answer:
        try:
            answer = await self._http.post(building.path_of(call), content=building.body_of(call))
        except httpx.HTTPError as error:
            raise building.unreachable(error) from error
        return building.answer_of(call, answer.status_code, answer.content)

    async def _ask(self, call: Call, _kind: type[T]) -> T:
        return cast(T, await self.do(call))

    # -- publishing ----------------------------------------------------------------------------

    async def publish(self, channel: str, data: Any, **options: Unpack[ContentOptions]) -> Position:
        """Publish ``data`` (anything JSON can say); answers its position once it is kept."""
        call = Publish(channel=channel, data=raw(data), **options)
        return building.position_of(await self.do(call))

    async def broadcast(
        self, channels: Sequence[str], data: Any, **options: Unpack[ContentOptions]
    ) -> list[Position | ApiError]:
        """The same entry for many channels: what became of it in each, in their order."""
        call = Broadcast(channels=list(channels), data=raw(data), **options)
        return building.positions_of(await self.do(call))

    async def signal(
        self, channel: str, name: str, data: Any = None, *, user: str | None = None
    ) -> None:
        """Tell a channel's subscribers something that is not kept."""
        await self.do(Signal(channel=channel, name=name, data=raw(data), user=given(user)))

    # -- reading -------------------------------------------------------------------------------

    async def history(
        self,
        channel: str,
        *,
        since: Position | None = None,
        before: Position | None = None,
        limit: int = 100,
        reverse: bool = False,
    ) -> HistoryPage:
        """Entries after ``since``, before ``before``, or the latest."""
        call = History(
            channel=channel,
            since=given(since),
            before=given(before),
            limit=limit,
            reverse=reverse,
        )
        return await self._ask(call, HistoryPage)

    async def latest(self, channel: str, *, after: int = 0) -> LatestEntries:
        """The latest entry of each key of a channel that keeps them, by rising ``seq``."""
        return await self._ask(Latest(channel=channel, after=after), LatestEntries)

    async def presence(self, channel: str) -> PresenceList:
        """Who is in a channel now."""
        return await self._ask(Presence(channel=channel), PresenceList)

    async def channels(self, prefix: str = "", *, after: str = "", limit: int = 100) -> ChannelList:
        """Channels with a subscriber or entries; ``next`` of the answer is the next ``after``."""
        return await self._ask(Channels(prefix=prefix, after=after, limit=limit), ChannelList)

    async def connections(
        self,
        *,
        user: str | None = None,
        client: str | None = None,
        channel: str | None = None,
        after: str = "",
        limit: int = 100,
    ) -> ConnectionList:
        """Who is connected; ``next`` of the answer is the next ``after``."""
        call = Connections(
            user=given(user), client=given(client), channel=given(channel), after=after, limit=limit
        )
        return await self._ask(call, ConnectionList)

    async def top(self, limit: int = 10) -> TopList:
        """Who causes most of the load."""
        return await self._ask(Top(limit=limit), TopList)

    # -- people --------------------------------------------------------------------------------

    async def disconnect(
        self, *, user: str | None = None, client: str | None = None, come_back: bool = False
    ) -> int:
        """Close a user's connections or one client's; answers how many."""
        call = Disconnect(user=given(user), client=given(client), come_back=come_back)
        return (await self._ask(call, Affected)).clients

    async def subscribe(
        self, channel: str, *, user: str | None = None, client: str | None = None
    ) -> int:
        """Subscribe a user's clients or one client to a channel; answers how many."""
        call = Subscribe(channel=channel, user=given(user), client=given(client))
        return (await self._ask(call, Affected)).clients

    async def unsubscribe(
        self, channel: str, *, user: str | None = None, client: str | None = None
    ) -> int:
        """Take a user's clients or one client out of a channel; answers how many."""
        call = Unsubscribe(channel=channel, user=given(user), client=given(client))
        return (await self._ask(call, Affected)).clients

    async def revoke(
        self,
        *,
        user: str | None = None,
        session: str | None = None,
        token: str | None = None,
        client: str | None = None,
        issued_before: float | None = None,
        ttl_s: float | None = None,
    ) -> Revoked:
        """Void what was issued before then (now) to one of these, and cut whoever uses it."""
        call = building.revocation(
            user=user,
            session=session,
            token=token,
            client=client,
            issued_before=issued_before,
            ttl_s=ttl_s,
        )
        return await self._ask(call, Revoked)

    async def batch(self, calls: Sequence[Call]) -> list[Answer | ApiError]:
        """Many calls in one request; each result is an answer or why it was not done."""
        batch = building.batch_of(calls)
        return building.results_of(batch, await self.do(batch))
