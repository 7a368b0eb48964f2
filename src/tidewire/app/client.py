"""Client: a connected client, as a handler sees it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from msgspec import UNSET
from msgspec.structs import replace

from tidewire.messages import Event
from tidewire.websocket import close_codes
from tidewire.websocket.close_codes import CloseCode

if TYPE_CHECKING:
    from collections.abc import Callable

    from tidewire.app.link import Link
    from tidewire.app.message import Message
    from tidewire.node.peer import Peer
    from tidewire.security.user import User


class Client:
    """One browser tab, phone or service, from ``on_connect`` to ``on_disconnect``.

    ``state`` is the application's own: attributes to set as it likes, or any object to
    put in its place. Every method may be called from any thread, and does nothing
    where the client has gone.
    """

    __slots__ = ("_link", "_peer", "id", "state")

    def __init__(self, link: Link, peer: Peer) -> None:
        self._link = link
        self._peer = peer
        self.id = peer.session.client_id
        self.state: Any = SimpleNamespace()

    @property
    def user(self) -> User:
        return self._peer.session.user

    @property
    def channels(self) -> tuple[str, ...]:
        """What it is subscribed to."""
        return tuple(self._peer.session.subscriptions)

    def send(self, message: Message) -> None:
        """Tell this client alone. Not kept anywhere: a client that is away misses it."""
        bare = cast(Event, replace(message, id=UNSET))
        self._do(lambda: self._peer.send(bare))

    async def subscribe(self, channel: str) -> None:
        """Subscribe it to ``channel``, unasked and whatever it may; it is told so."""
        await self._link.come(self._link.node.subscribe(self._peer, channel))

    def unsubscribe(self, channel: str) -> None:
        """End its subscription, if there is one; it is told so."""
        node, peer = self._link.node, self._peer
        self._do(lambda: node.unsubscribe(peer, channel, "forbidden"))

    def close(self, reason: str = "") -> None:
        """Close the connection: it is over, and a good client does not come back by itself."""
        self._close(close_codes.NORMAL, reason)

    def kick(self, reason: str = "") -> None:
        """Close the connection as forbidden: a good client does not come back as it is."""
        self._close(close_codes.FORBIDDEN, reason)

    def _close(self, code: CloseCode, reason: str) -> None:
        self._do(lambda: self._peer.close(code, reason or None))

    def _do(self, action: Callable[[], None]) -> None:
        if not self._link.is_closed:
            self._link.soon(action)

    def __repr__(self) -> str:
        return f"Client(id={self.id!r}, user={self.user.id!r})"
