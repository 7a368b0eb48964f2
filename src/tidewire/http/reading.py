"""Reading over HTTP: history, the latest entries, who is where, and who causes the load.

An API key reads everything: permissions are about clients. Every answer is bounded,
by a page and by bytes.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from heapq import nsmallest
from typing import cast

from msgspec import UNSET, Raw, UnsetType

from tidewire.api.calls import (
    MAX_PAGE,
    Answer,
    ChannelFacts,
    ChannelList,
    Channels,
    ConnectionFacts,
    ConnectionList,
    Connections,
    Entry,
    History,
    HistoryPage,
    Latest,
    LatestEntries,
    Presence,
    PresenceList,
    Present,
    Share,
    Shares,
    Top,
    TopList,
)
from tidewire.api.errors import ApiError
from tidewire.clock import Clock
from tidewire.engines.base import Gap, Query
from tidewire.heavy_hitters import MEASURES, SUBJECTS, Hitter, Traffic
from tidewire.http.lookups import channel_of, given, told
from tidewire.messages import ENVELOPE_BYTES, Member, Position, Publication, Recovery
from tidewire.node.core import Node
from tidewire.node.peer import Peer
from tidewire.server.shared import Client

MAX_ANSWER_BYTES = 4 * 1024 * 1024
"""Of entries in one answer, as a request may have; the rest is another page."""


class Reading:
    """Answers what is asked about the node's channels and clients."""

    def __init__(self, node: Node, traffic: Traffic, clock: Clock) -> None:
        self._node = node
        self._traffic = traffic
        self._clock = clock

    # -- entries -------------------------------------------------------------------------------

    async def history(self, call: History) -> Answer:
        channel_of(self._node, call.channel)
        goes_back = call.reverse or call.since is UNSET
        # One more than is shown tells whether there are others.
        query = Query(given(call.since), given(call.before), call.limit + 1, goes_back)
        page = await self._node.history(call.channel, query)
        recovery: Recovery = "none" if call.since is UNSET else "complete"
        if isinstance(page.found, Gap):
            return _page(call.channel, page.head, "gap", [], more=False)
        found = page.found.entries
        shown = _within_bytes(found[: call.limit])
        if goes_back and not call.reverse:
            shown = shown[::-1]
        position = page.head
        if shown:
            newest = max(shown, key=lambda entry: entry.seq)
            position = Position(page.head.epoch, newest.seq, newest.tag)
        return _page(call.channel, position, recovery, shown, more=len(shown) < len(found))

    async def latest(self, call: Latest) -> Answer:
        if not channel_of(self._node, call.channel).options.keeps_latest:
            raise ApiError("not_found", "the channel does not keep the latest of each key")
        snapshot = await self._node.snapshot(call.channel)
        head = snapshot.head
        found = [each for each in snapshot.entries if each.seq > call.after]
        shown = _within_bytes(found[:MAX_PAGE])
        return LatestEntries(
            channel=call.channel,
            epoch=head.epoch,
            seq=head.seq,
            tag=head.tag,
            entries=[_entry(each) for each in shown],
            more=len(shown) < len(found),
        )

    # -- channels and clients ------------------------------------------------------------------

    async def presence(self, call: Presence) -> Answer:
        channel_of(self._node, call.channel)
        found = await self._node.presence(call.channel)
        return PresenceList(
            channel=call.channel,
            user_count=found.user_count,
            client_count=found.client_count,
            users=[_present(member) for member in found.users],
        )

    async def channels(self, call: Channels) -> Answer:
        names = [name for name in await self._node.channels() if name.startswith(call.prefix)]
        page, rest = _after(names, call.after, call.limit)
        facts = [ChannelFacts(channel=name, subscribers=self._subscribers(name)) for name in page]
        return ChannelList(channels=facts, next=page[-1] if rest else UNSET)

    def _subscribers(self, channel: str) -> int:
        return self._node.subscriber_count(channel)

    async def connections(self, call: Connections) -> Answer:
        peers = (peer for peer in self._peers(call) if _id_of(peer) > call.after)
        # Not sorted: of 100,000 that takes 50 ms, the first hundred of them 15.
        found = nsmallest(call.limit + 1, peers, key=_id_of)
        page = [self._facts(peer) for peer in found[: call.limit]]
        is_cut = len(found) > call.limit
        return ConnectionList(connections=page, next=page[-1].client_id if is_cut else UNSET)

    def _peers(self, call: Connections) -> Iterable[Peer]:
        clients = self._node.clients
        peers = clients if isinstance(call.user, UnsetType) else clients.of_user(call.user)
        if not isinstance(call.client, UnsetType):
            peers = [peer for peer in peers if peer.session.client_id == call.client]
        channel = call.channel
        if isinstance(channel, UnsetType):
            return peers
        return (peer for peer in peers if channel in peer.session.subscriptions)

    def _facts(self, peer: Peer) -> ConnectionFacts:
        # Whoever is among a node's clients came in through the server's door.
        session, opened_at = peer.session, cast(Client, peer).opened_at
        return ConnectionFacts(
            client_id=session.client_id,
            user_id=session.user.id,
            channels=sorted(session.subscriptions),
            seconds=round(self._clock.monotonic() - opened_at, 3),
            address=told(peer.limited_ip),
        )

    async def top(self, call: Top) -> Answer:
        tops = {
            (subject, measure): [_share(each) for each in found]
            for subject, measure, found in self._traffic.tops(call.limit)
        }
        shares = {s: Shares(**{m: tops[s, m] for m in MEASURES}) for s in SUBJECTS}
        return TopList(seconds=round(self._traffic.seconds(self._clock.monotonic()), 3), **shares)


def _id_of(peer: Peer) -> str:
    return peer.session.client_id


def _page(
    channel: str, position: Position, recovery: Recovery, shown: list[Publication], *, more: bool
) -> HistoryPage:
    return HistoryPage(
        channel=channel,
        epoch=position.epoch,
        seq=position.seq,
        tag=position.tag,
        recovery=recovery,
        entries=[_entry(each) for each in shown],
        more=more,
    )


def _within_bytes(entries: list[Publication]) -> list[Publication]:
    """The first of ``entries`` that fit an answer; one at least."""
    size = 0
    for place, entry in enumerate(entries):
        size += ENVELOPE_BYTES + len(entry.data)
        if size > MAX_ANSWER_BYTES and place:
            return entries[:place]
    return entries


def _entry(entry: Publication) -> Entry:
    return Entry(
        kind=entry.kind,
        seq=entry.seq,
        tag=entry.tag,
        timestamp=entry.timestamp,
        user_id=entry.user_id,
        client_id=entry.client_id,
        data=Raw(entry.data.encode()),
        once=told(entry.once),
        key=told(entry.key),
        ref=told(entry.ref),
        op=told(entry.op),
        tags=told(entry.tags),
        encoding=told(entry.encoding),
        expires_at=told(entry.expires_at),
    )


def _present(member: Member) -> Present:
    clients = {} if isinstance(member.clients, UnsetType) else member.clients
    return Present(user_id=member.user_id, info=member.info, clients=clients)


def _after(names: list[str], after: str, limit: int) -> tuple[list[str], bool]:
    """The page of sorted ``names`` behind ``after``, and whether there are more."""
    start = bisect_right(names, after) if after else 0
    return names[start : start + limit], len(names) > start + limit


def _share(hitter: Hitter) -> Share:
    return Share(key=hitter.key, count=hitter.count, error=hitter.error)
