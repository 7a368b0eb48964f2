"""Revocations on a node: cut whoever they name, and keep them where every node reads them.

They are the latest-per-key maps of system channels, so that they reach each node,
survive what the engine's data survives, and leave by themselves when the last
proof they name has expired.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from zlib import crc32

import msgspec
from msgspec import Struct

from tidewire.channels.options import ChannelOptions
from tidewire.clock import Clock
from tidewire.engines.base import Receipt
from tidewire.errors import EngineUnavailable
from tidewire.messages import Publication
from tidewire.node.core import Node
from tidewire.node.peer import Peer
from tidewire.security.revocation import Revocation, Revocations, RevokedKind
from tidewire.websocket import close_codes

logger = logging.getLogger("tidewire.revocations")

CHANNELS = tuple(f"$revocations:{number}" for number in range(16))
"""No client can name them: the dollar sign is not in the grammar of names. A channel's map holds
10,000 keys, so all that may be in force have room in so many."""

OPTIONS = ChannelOptions(
    history_size=1_000,
    history_ttl_s=300,
    keeps_latest=True,
    may_subscribe="nobody",
    may_publish="nobody",
)
"""The map is what is kept; the short log is for a node that was cut off for a moment."""


def channel_of(key: str) -> str:
    """Where the revocation with this key is kept."""
    return CHANNELS[crc32(key.encode()) % len(CHANNELS)]


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Revocation).decode


class Cut(Struct, frozen=True):
    """What was revoked, and how many connections of this node that ended."""

    revocation: Revocation
    clients: int


class RevocationBook:
    """What is revoked, followed from the engine; ``kept_s`` is the longest life of a token."""

    def __init__(self, node: Node, revocations: Revocations, clock: Clock, kept_s: float) -> None:
        self._node = node
        self._revocations = revocations
        self._clock = clock
        self._kept_s = kept_s

    async def start(self) -> None:
        """Take over what is kept, and everything that follows. Raises ``EngineUnavailable``."""
        for channel in CHANNELS:
            snapshot = await self._node.follow(channel, OPTIONS, self._heard)
            self._heard(snapshot.entries)

    async def revoke(
        self,
        kind: RevokedKind,
        subject: str,
        *,
        issued_before: float | None = None,
        ttl_s: float | None = None,
    ) -> Cut:
        """Void what was issued to ``subject`` before then (now), and cut whoever came in with it.

        Returns when the engine keeps it. Raises ``CommandRefused`` where there are too
        many, and ``EngineUnavailable``: then it is in force on this node only, until it
        stops, and to be repeated.
        """
        now = self._clock.time()
        before = now if issued_before is None else issued_before
        until = now + (self._kept_s if ttl_s is None else ttl_s)
        revocation = self._revocations.joined(Revocation(kind, subject, before, until))
        self._revocations.check_room(revocation)
        clients = self._take(revocation)
        await self._keep(revocation)
        return Cut(revocation, clients)

    def sweep(self) -> None:
        """Let go of those whose time is over. Called about once a second."""
        self._revocations.sweep(self._clock.time())

    # -- taking --------------------------------------------------------------------------------

    def _heard(self, entries: Sequence[Publication]) -> None:
        for entry in entries:
            try:
                self._take(_decode(entry.data))
            except msgspec.MsgspecError:
                logger.exception("an unreadable revocation", extra={"seq": entry.seq})

    def _take(self, revocation: Revocation) -> int:
        """In force from here on: who is named has gone when this returns."""
        self._revocations.add(revocation)
        named = [peer for peer in self._candidates(revocation) if _is_named(peer, revocation)]
        for peer in named:
            logger.info("revoked", extra={"by": revocation.kind, "user": peer.session.user.id})
            self._node.disconnect(peer, close_codes.TOKEN_EXPIRED)
            self._revoke_token_of(peer, revocation)
        return len(named)

    def _candidates(self, revocation: Revocation) -> Iterable[Peer]:
        """Who may be meant. All, for a login or a token: 3 ms among 10,000 connections."""
        clients = self._node.clients
        if revocation.kind == "user":
            return clients.of_user(revocation.subject)
        if revocation.kind == "client":
            peer = clients.by_id(revocation.subject)
            return [] if peer is None else [peer]
        return clients

    def _revoke_token_of(self, peer: Peer, revocation: Revocation) -> None:
        """A client comes back as another one, but with the same token."""
        token_id = peer.session.user.token_id
        if revocation.kind == "client" and token_id is not None:
            before, until = revocation.issued_before, revocation.expires_at
            self._submit(self._revocations.joined(Revocation("token", token_id, before, until)))

    # -- keeping -------------------------------------------------------------------------------

    async def _keep(self, revocation: Revocation) -> None:
        done: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        self._submit(revocation, Receipt(channel_of(revocation.key), _settling(done), 0))
        receipt = await done
        if receipt.outcome != "accepted":
            raise EngineUnavailable(f"the revocation's outcome is {receipt.outcome}")

    def _submit(self, revocation: Revocation, receipt: Receipt | None = None) -> None:
        key, text = revocation.key, _encode(revocation).decode()
        entry = Publication(channel_of(key), 0, "", 0, "", "", text, key=key)
        entry.expires_at = int(revocation.expires_at * 1000)
        self._node.publish(entry, OPTIONS, receipt)


def _is_named(peer: Peer, revocation: Revocation) -> bool:
    session = peer.session
    # A client that is connected is older than any revocation that names it.
    issued_at = None if revocation.kind == "client" else session.user.issued_at
    return revocation.names(session.user, session.client_id, issued_at)


def _settling(done: asyncio.Future[Receipt]) -> Callable[[Receipt], None]:
    def settle(receipt: Receipt) -> None:
        if not done.done():
            done.set_result(receipt)

    return settle
