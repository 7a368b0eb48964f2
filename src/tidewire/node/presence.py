"""Presence: who is in a channel, as a client asks it, and what a client has seen of itself."""

from __future__ import annotations

from msgspec import structs

from tidewire.errors import CommandRefused
from tidewire.hub import Hub
from tidewire.messages import Presence, State
from tidewire.node.announcer import Announcer
from tidewire.node.answers import Answers
from tidewire.node.peer import Peer
from tidewire.node.permissions import Permissions
from tidewire.node.signals import Signals
from tidewire.session import forbidden

MAX_STATE_BYTES = 1024
"""As much as a user's info, and for its reason: it is sent to everybody in the channel."""


class Attendance:
    """Answers who is in a channel, and takes what clients set there."""

    def __init__(
        self,
        announcer: Announcer,
        hub: Hub,
        permissions: Permissions,
        answers: Answers,
        signals: Signals,
    ) -> None:
        self._announcer = announcer
        self._hub = hub
        self._permissions = permissions
        self._answers = answers
        self._signals = signals

    def ask(self, peer: Peer, command: Presence) -> None:
        """Answer who is there, to whom may know; where it is not kept nobody may."""
        found = self._permissions.check(peer.session, "presence", command.channel)
        if not found.options.presence:
            raise forbidden()
        if self._permissions.is_asked("presence", found):
            self._answers.run(peer, command.id, lambda: self._ask(peer, command))
        else:
            self._tell(peer, command)

    async def _ask(self, peer: Peer, command: Presence) -> None:
        await self._permissions.may(peer, "presence", command.channel)
        self._tell(peer, command)

    def _tell(self, peer: Peer, command: Presence) -> None:
        peer.send(structs.replace(self._announcer.present(command.channel), id=command.id))

    def set_state(self, peer: Peer, command: State) -> None:
        """Keep what the client wants seen of it in a channel, until it leaves."""
        found = self._permissions.check(peer.session, "publish", command.channel)
        if not found.options.presence:
            raise forbidden()
        state = bytes(command.data)
        if len(state) > MAX_STATE_BYTES:
            raise CommandRefused("too_large", f"a state has at most {MAX_STATE_BYTES} bytes")
        self._signals.take(peer, command, len(state), lambda: self._keep(peer, command, state))

    def _keep(self, peer: Peer, command: State, state: bytes) -> None:
        room = self._hub.room(command.channel)
        if room is not None:
            self._announcer.set_state(room, peer.session, state)
