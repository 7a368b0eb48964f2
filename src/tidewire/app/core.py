"""App: what an application writes against.

    app = App()

    @app.authenticate
    async def who(handshake: Handshake) -> User | None: ...

    app.mount(fastapi_app)                       # HTTP, on the same port
    await app.publish("lobby", {"text": "hi"})   # from anywhere in it

Holds no sockets and no settings; the server gives it a node when it starts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias, TypeVar

import msgspec

from tidewire.channels.names import check_name
from tidewire.engines.base import Receipt
from tidewire.errors import CommandRefused, EngineUnavailable, TidewireError
from tidewire.messages import Position, Publication
from tidewire.node.core import Node
from tidewire.server.admission import Authenticate

Scope: TypeAlias = MutableMapping[str, Any]
AsgiMessage: TypeAlias = MutableMapping[str, Any]
AsgiReceive: TypeAlias = Callable[[], Awaitable[AsgiMessage]]
AsgiSend: TypeAlias = Callable[[AsgiMessage], Awaitable[None]]
AsgiApp: TypeAlias = Callable[[Scope, AsgiReceive, AsgiSend], Awaitable[None]]

Hook = TypeVar("Hook", bound=Authenticate)


class App:
    """An application: its hooks, its HTTP side, and publishing."""

    def __init__(self) -> None:
        self._authenticate: Authenticate | None = None
        self._http: AsgiApp | None = None
        self._node: Node | None = None

    # -- what an application declares ----------------------------------------------------------

    def authenticate(self, hook: Hook) -> Hook:
        """Decorator: decides who a handshake belongs to, before the upgrade is answered.

        Called with a ``Handshake``, sync or async; answers a ``User``, or None to
        refuse (401). Not called for clients whose token or ticket the server
        itself can check. A synchronous hook runs in the event loop: it must not
        block. An exception refuses with 503 and is logged.
        """
        self._authenticate = hook
        return hook

    def mount(self, http: Any) -> None:
        """Serve every HTTP request that is not Tidewire's with this ASGI application."""
        self._http = http

    @property
    def has_authenticate(self) -> bool:
        return self._authenticate is not None

    # -- what an application does --------------------------------------------------------------

    async def publish(
        self,
        channel: str,
        data: Any,
        *,
        once: str | None = None,
        key: str | None = None,
        user_id: str = "",
    ) -> Position:
        """Publish ``data`` (anything JSON can say) and wait until it is in the channel's history.

        Answers its position. Call it in the server's event loop. ``once`` makes a
        repeated call publish once; ``user_id`` is who it is said to be from.
        Raises ``CommandRefused`` for a channel that is not configured,
        ``EngineUnavailable`` where the engine did not take it, ``ValueError`` for a
        text that holds lone surrogates. Cancelled after the first step it may have
        been published all the same.
        """
        node = self._running()
        check_name(channel)
        options = node.options(channel)
        if options is None:
            raise CommandRefused("forbidden", f"no channel {channel!r} is configured")
        _check_texts(user_id=user_id, once=once, key=key)
        done: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        text = msgspec.json.encode(data).decode()
        entry = Publication(channel, 0, "", 0, user_id, "", text, once=once, key=key)
        node.publish(entry, options, Receipt(channel, _settle(done), 0))
        return _position(await done)

    def _running(self) -> Node:
        if self._node is None:
            raise TidewireError("the server is not running yet: publish from a request or a hook")
        return self._node

    # -- what the server uses ------------------------------------------------------------------

    @property
    def http(self) -> AsgiApp | None:
        return self._http

    @property
    def authenticate_hook(self) -> Authenticate | None:
        return self._authenticate

    def attach(self, node: Node | None) -> None:
        """The server runs with ``node``; None when it has stopped."""
        self._node = node


def _check_texts(**texts: str | None) -> None:
    """What cannot be encoded must not enter a log: it would break every delivery it is part of."""
    for name, text in texts.items():
        try:
            (text or "").encode()
        except UnicodeEncodeError:
            raise ValueError(f"{name} holds a lone surrogate") from None


def _settle(done: asyncio.Future[Receipt]) -> Callable[[Receipt], None]:
    def settle(receipt: Receipt) -> None:
        if not done.done():
            done.set_result(receipt)

    return settle


def _position(receipt: Receipt) -> Position:
    if receipt.outcome == "accepted" and receipt.position is not None:
        return receipt.position
    raise EngineUnavailable(f"the publication's outcome is {receipt.outcome}")
