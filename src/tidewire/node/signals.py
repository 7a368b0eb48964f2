"""Signals: what subscribers tell each other and nobody keeps: typing, cursors.

They have the permission and the rates of publications, and of one client and name
only the latest of a tick goes out. An engine carries them as it carries entries.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import UNSET, Raw

from tidewire.channels.patterns import Found
from tidewire.engines.base import Engine
from tidewire.hub import Hub
from tidewire.messages import Result, Signal, SignalCommand, Signalled, State
from tidewire.node.answers import Answers
from tidewire.node.peer import Peer
from tidewire.node.permissions import Permissions
from tidewire.node.publishing import SMALL_CHARACTERS
from tidewire.security.rates import SharedBuckets
from tidewire.tick import Tick


class Signals:
    """Takes signals in, and tells them to those who are in their channel here."""

    def __init__(
        self,
        engine: Engine,
        hub: Hub,
        permissions: Permissions,
        answers: Answers,
        *,
        tick: Tick,
        user_rates: SharedBuckets[str],
    ) -> None:
        self._engine = engine
        self._hub = hub
        self._permissions = permissions
        self._answers = answers
        self._tick = tick
        self._user_rates = user_rates

    def signal(self, peer: Peer, command: SignalCommand) -> None:
        """Tell a channel's other clients."""
        data = bytes(command.data).decode()
        session = peer.session
        signal = Signal(command.channel, command.name, session.user.id, session.client_id, data)
        self.take(peer, command, len(data.encode()), lambda: self.send(signal))

    def take(
        self, peer: Peer, command: SignalCommand | State, size: int, act: Callable[[], None]
    ) -> None:
        """Do what ``command`` asks, where its client is subscribed and may publish now."""
        session, channel, now = peer.session, command.channel, self._tick.now
        session.check_subscribed(channel)
        writing = self._permissions.writing(session, channel)
        session.check_rates(writing, self._user_rates, now)
        if size > SMALL_CHARACTERS:
            session.check_publication_bytes(size, now)
        if not writing.is_plain:
            self._permissions.check(session, "publish", channel)
        if self._permissions.is_asked("publish", writing.found):
            self._answers.run(
                peer, command.id, lambda: self._ask(peer, command, writing.found, act)
            )
        else:
            _do(peer, command, act)

    async def _ask(
        self, peer: Peer, command: SignalCommand | State, found: Found, act: Callable[[], None]
    ) -> None:
        await self._permissions.may(peer, "publish", found.name)
        peer.session.check_subscribed(found.name)
        _do(peer, command, act)

    def send(self, signal: Signal) -> None:
        """Carry a signal to wherever its channel is open. Never fails."""
        self._tick.request()
        self._engine.signal(signal)

    def signalled(self, channel: str, signals: Sequence[Signal]) -> None:
        """The engine has carried these here."""
        room = self._hub.room(channel)
        if room is None:
            return
        for signal in signals:
            self._hub.signal(room, (signal.client_id, signal.name), _event(signal))


def _do(peer: Peer, command: SignalCommand | State, act: Callable[[], None]) -> None:
    act()
    if command.id is not UNSET:
        peer.send(Result(id=command.id))


def _event(signal: Signal) -> Signalled:
    return Signalled(
        channel=signal.channel,
        name=signal.name,
        sender=signal.user_id,
        client_id=signal.client_id,
        data=Raw(signal.data.encode()),
    )
