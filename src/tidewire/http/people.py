"""Clients over HTTP: who is put out, put into a channel or taken out of it, and whose proofs
are void."""

from __future__ import annotations

from msgspec import UnsetType

from tidewire.api.calls import (
    AboutClients,
    Affected,
    Answer,
    Disconnect,
    Revoke,
    Revoked,
    Subscribe,
    Unsubscribe,
)
from tidewire.errors import CommandRefused
from tidewire.http.lookups import channel_of, given
from tidewire.node.core import Node
from tidewire.node.peer import Peer
from tidewire.node.revocations import RevocationBook
from tidewire.security.revocation import RevokedKind
from tidewire.websocket import close_codes


class People:
    """Does what an operator or a backend wants done to clients."""

    def __init__(self, node: Node, revocations: RevocationBook) -> None:
        self._node = node
        self._revocations = revocations

    async def disconnect(self, call: Disconnect) -> Answer:
        code = close_codes.GOING_AWAY if call.come_back else close_codes.FORBIDDEN
        peers = self._named(call)
        for peer in peers:
            self._node.disconnect(peer, code)
        return Affected(clients=len(peers))

    async def subscribe(self, call: Subscribe) -> Answer:
        channel_of(self._node, call.channel)
        done, refusal = 0, None
        for peer in self._named(call):
            if _is_in(peer, call.channel):
                continue
            try:
                await self._node.subscribe(peer, call.channel)
                done += 1
            except CommandRefused as error:  # it has gone meanwhile, or is in too many channels
                refusal = error
        if refusal is not None and not done:
            raise refusal
        return Affected(clients=done)

    async def unsubscribe(self, call: Unsubscribe) -> Answer:
        channel_of(self._node, call.channel)
        peers = [peer for peer in self._named(call) if _is_in(peer, call.channel)]
        for peer in peers:
            self._node.unsubscribe(peer, call.channel, "forbidden")
        return Affected(clients=len(peers))

    async def revoke(self, call: Revoke) -> Answer:
        kind, subject = _subject_of(call)
        done = await self._revocations.revoke(
            kind, subject, issued_before=given(call.issued_before), ttl_s=given(call.ttl)
        )
        return Revoked(
            clients=done.clients,
            issued_before=done.revocation.issued_before,
            expires_at=done.revocation.expires_at,
        )

    def _named(self, call: AboutClients) -> list[Peer]:
        """The clients that are connected here, of those that the call names."""
        if not isinstance(call.user, UnsetType):
            return self._node.clients.of_user(call.user)
        peer = None if isinstance(call.client, UnsetType) else self._node.clients.by_id(call.client)
        return [] if peer is None else [peer]


def _is_in(peer: Peer, channel: str) -> bool:
    return channel in peer.session.subscriptions


def _subject_of(call: Revoke) -> tuple[RevokedKind, str]:
    """The one that the call names: it has seen to that."""
    named: tuple[tuple[RevokedKind, str | UnsetType], ...] = (
        ("user", call.user),
        ("session", call.session),
        ("token", call.token),
        ("client", call.client),
    )
    return next((kind, name) for kind, name in named if not isinstance(name, UnsetType))
