"""The client of the HTTP API for threads: method for method as ``AsyncApi``."""

from __future__ import annotations

import random
import time
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


class Api:
    """The same for a program without an event loop; may be used from several threads."""

    def __init__(
        self,
        url: str,
        key: str,
        *,
        timeout_s: float = TIMEOUT_S,
        retries: int = RETRIES,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._retries = retries
        self._http = httpx.Client(
            base_url=url,
            headers=building.headers_of(key),
            timeout=timeout_s,
            transport=transport,
        )

    def __enter__(self) -> Api:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def do(self, call: Call) -> Answer:
        """Any call of ``tidewire.api.calls``, repeated where that is safe."""
        attempt = 0
        while True:
            try:
                return self._attempt(call)
            except ApiError as error:
                if not building.may_go_on(call, error, attempt, self._retries):
                    raise
                pause_s = building.pause_s(attempt, error, random.random())  # noqa: S311
            time.sleep(pause_s)
            attempt += 1

    def _attempt(self, call: Call) -> Answer:
        try:
            answer = self._http.post(building.path_of(call), content=building.body_of(call))
        except httpx.HTTPError as error:
            raise building.unreachable(error) from error
        return building.answer_of(call, answer.status_code, answer.content)

    def _ask(self, call: Call, _kind: type[T]) -> T:
        return cast(T, self.do(call))

    # -- publishing ----------------------------------------------------------------------------

    def publish(self, channel: str, data: Any, **options: Unpack[ContentOptions]) -> Position:
        """Publish ``data`` (anything JSON can say); answers its position once it is kept."""
        call = Publish(channel=channel, data=raw(data), **options)
        return building.position_of(self.do(call))

    def broadcast(
        self, channels: Sequence[str], data: Any, **options: Unpack[ContentOptions]
    ) -> list[Position | ApiError]:
        """The same entry for many channels: what became of it in each, in their order."""
        call = Broadcast(channels=list(channels), data=raw(data), **options)
        return building.positions_of(self.do(call))

    def signal(self, channel: str, name: str, data: Any = None, *, user: str | None = None) -> None:
        """Tell a channel's subscribers something that is not kept."""
        self.do(Signal(channel=channel, name=name, data=raw(data), user=given(user)))

    # -- reading -------------------------------------------------------------------------------

    def history(
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
        return self._ask(call, HistoryPage)

    def latest(self, channel: str, *, after: int = 0) -> LatestEntries:
        """The latest entry of each key of a channel that keeps them, by rising ``seq``."""
        return self._ask(Latest(channel=channel, after=after), LatestEntries)

    def presence(self, channel: str) -> PresenceList:
        """Who is in a channel now."""
        return self._ask(Presence(channel=channel), PresenceList)

    def channels(self, prefix: str = "", *, after: str = "", limit: int = 100) -> ChannelList:
        """Channels with a subscriber or entries; ``next`` of the answer is the next ``after``."""
        return self._ask(Channels(prefix=prefix, after=after, limit=limit), ChannelList)

    def connections(
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
        return self._ask(call, ConnectionList)

    def top(self, limit: int = 10) -> TopList:
        """Who causes most of the load."""
        return self._ask(Top(limit=limit), TopList)

    # -- people --------------------------------------------------------------------------------

    def disconnect(
        self, *, user: str | None = None, client: str | None = None, come_back: bool = False
    ) -> int:
        """Close a user's connections or one client's; answers how many."""
        call = Disconnect(user=given(user), client=given(client), come_back=come_back)
        return self._ask(call, Affected).clients

    def subscribe(self, channel: str, *, user: str | None = None, client: str | None = None) -> int:
        """Subscribe a user's clients or one client to a channel; answers how many."""
        call = Subscribe(channel=channel, user=given(user), client=given(client))
        return self._ask(call, Affected).clients

    def unsubscribe(
        self, channel: str, *, user: str | None = None, client: str | None = None
    ) -> int:
        """Take a user's clients or one client out of a channel; answers how many."""
        call = Unsubscribe(channel=channel, user=given(user), client=given(client))
        return self._ask(call, Affected).clients

    def revoke(
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
        return self._ask(call, Revoked)

    def batch(self, calls: Sequence[Call]) -> list[Answer | ApiError]:
        """Many calls in one request; each result is an answer or why it was not done."""
        batch = building.batch_of(calls)
        return building.results_of(batch, self.do(batch))
