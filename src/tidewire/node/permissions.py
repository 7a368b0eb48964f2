"""Permissions: who may do what in which channel, on every path.

What a session can tell is told at once; where a channel's access is "hook" the
application is asked, through the gate. A channel that does not exist is refused in
the words of one that is forbidden.
"""

from __future__ import annotations

from tidewire.channels.options import Action
from tidewire.channels.patterns import ChannelTable, Found
from tidewire.errors import CommandRefused
from tidewire.node.application import Application
from tidewire.node.gate import Gate
from tidewire.node.peer import Peer
from tidewire.session import Session, Writing, forbidden


class Permissions:
    """Looks channels up, and asks for leave."""

    def __init__(self, channels: ChannelTable, application: Application, gate: Gate) -> None:
        self._channels = channels
        self._application = application
        self._gate = gate

    def find(self, channel: str) -> Found | None:
        return self._channels.find(channel)

    def names_for(self, user_id: str) -> list[str]:
        """The channels that every client of the user is subscribed to, unasked."""
        return self._channels.names_for(user_id)

    def check(self, session: Session, action: Action, channel: str) -> Found:
        """The channel, unless that is forbidden; the application may still have to be asked."""
        found = self._channels.find(channel)
        if found is None or session.may(action, found) is False:
            raise forbidden()
        return found

    async def may(self, peer: Peer, action: Action, channel: str) -> Found:
        """The channel, where ``peer`` may do ``action`` there. Raises ``CommandRefused``."""
        found = self.check(peer.session, action, channel)
        if self.is_asked(action, found) and not await self._ask(peer, action, found):
            raise forbidden()
        return found

    def is_asked(self, action: Action, found: Found) -> bool:
        """Whether it is the application that decides."""
        return found.options.access(action) == "hook"

    async def _ask(self, peer: Peer, action: Action, found: Found) -> bool:
        """The same user's clients may ask at the same time, and are answered together."""
        user = peer.session.user
        question = (action, found.name, user.id, user.session_id, user.token_id)
        return await self._gate.ask(question, lambda: self._application.may(action, peer, found))

    def writing(self, session: Session, channel: str) -> Writing:
        """What a client's next message in ``channel`` is held to. Raises ``CommandRefused``.

        Where it is not ``is_plain``, leave and schema have still to be looked at.
        """
        writing = session.writings.get(channel)
        if writing is None:
            found = self.check(session, "publish", channel)
            writing = session.begin_writing(found, is_plain=self._is_plain(found))
        return writing

    def _is_plain(self, found: Found) -> bool:
        """Whether a message that keeps the rates can be published as it is."""
        options = found.options
        depends = options.may_publish in ("hook", "subscribers") or options.check is not None
        return not depends and not self._application.reviews(found)


def fits(found: Found, data: str) -> None:
    """Raise ``CommandRefused`` where ``data`` is not what the channel's schema says."""
    if found.options.check is None:
        return
    try:
        found.options.check(data)
    except ValueError as error:
        raise CommandRefused("malformed", str(error)[:200]) from None
