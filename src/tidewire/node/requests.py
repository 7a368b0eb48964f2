"""Requests: what a client asks of the server itself, or of its application."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from msgspec import UNSET, Raw

from tidewire.clock import Clock
from tidewire.errors import CommandRefused, HandshakeRefused
from tidewire.messages import AppMessage, Call, Ping, Pong, Refresh, Refreshed, Result
from tidewire.node.announcer import Announcer
from tidewire.node.answers import Answers
from tidewire.node.application import Application
from tidewire.node.gate import Gate
from tidewire.node.peer import Peer
from tidewire.node.subscribing import Subscriber
from tidewire.security.user import User

Refresher: TypeAlias = Callable[[str], Awaitable[User]]
"""A newer token to its user; raises ``HandshakeRefused``."""

PONG = Pong()


class Requests:
    """Answers pings, calls and newer tokens, and hands over the application's own messages."""

    def __init__(
        self,
        answers: Answers,
        subscriber: Subscriber,
        announcer: Announcer,
        application: Application,
        gate: Gate,
        *,
        refresher: Refresher,
        clock: Clock,
    ) -> None:
        self._answers = answers
        self._subscriber = subscriber
        self._announcer = announcer
        self._application = application
        self._gate = gate
        self._refresher = refresher
        self._clock = clock

    def ping(self, peer: Peer, command: Ping) -> None:
        if command.id is UNSET:
            peer.send(PONG)
        else:
            peer.send(Pong(id=command.id, timestamp=int(self._clock.time() * 1000)))

    def refresh(self, peer: Peer, command: Refresh) -> None:
        self._answers.run(peer, command.id, lambda: self._do_refresh(peer, command))

    async def _do_refresh(self, peer: Peer, command: Refresh) -> None:
        try:
            user = await self._refresher(command.token)
        except HandshakeRefused:
            raise CommandRefused("forbidden", "the token was not accepted") from None
        before = peer.session.user
        peer.session.take_refreshed(user)
        self._announcer.renew(peer.session)
        expires_at = None if user.expires_at is None else int(user.expires_at)
        peer.send(Refreshed(id=command.id, expires_at=expires_at))
        await self._subscriber.reconsider(peer, before)

    def call(self, peer: Peer, command: Call) -> None:
        self._answers.run(peer, command.id, lambda: self._do_call(peer, command))

    async def _do_call(self, peer: Peer, command: Call) -> None:
        answer = await self._gate.run(
            lambda: self._application.call(peer, command.method, command.data)
        )
        peer.send(Result(id=command.id, data=Raw(answer)))

    def app_message(self, peer: Peer, command: AppMessage) -> None:
        self._answers.run(peer, command.id, lambda: self._do_app_message(peer, command))

    async def _do_app_message(self, peer: Peer, command: AppMessage) -> None:
        await self._gate.run(lambda: self._application.receive(peer, command.message))
        if command.id is not UNSET:
            peer.send(Result(id=command.id))
