"""The application's side of the node's contract: what was declared, run when it is asked for.

Implements ``node.application.Application``. Decides nothing itself; what a handler
does wrong is turned into a refusal by the workers.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Any, TypeAlias

import msgspec
from msgspec import Raw, Struct

from tidewire.app.client import Client
from tidewire.app.handlers import Handler
from tidewire.app.hooks import HookName
from tidewire.app.link import Link
from tidewire.app.notices import Notices
from tidewire.app.registry import Registry
from tidewire.app.workers import Workers
from tidewire.channels.options import Action
from tidewire.channels.patterns import Found
from tidewire.errors import CommandRefused
from tidewire.messages import Publication
from tidewire.node.application import Greeting
from tidewire.node.peer import Peer

logger = logging.getLogger("tidewire.app")

MayHook: TypeAlias = dict[Action, HookName]

MAY: MayHook = {
    "subscribe": "may_subscribe",
    "publish": "may_publish",
    "history": "may_read_history",
    "presence": "may_read_presence",
}


class AppSide:
    """What a node asks of one ``App``. ``link`` answers the server it runs in, once it does."""

    def __init__(
        self, registry: Registry, workers: Workers, notices: Notices, link: Callable[[], Link]
    ) -> None:
        self._registry = registry
        self._workers = workers
        self._notices = notices
        self._link = link
        self._clients: dict[str, Client] = {}

    def client(self, peer: Peer) -> Client:
        """The handlers' view of ``peer``, the same one from its first message to its end.

        Who is not connected, and only asks, is not kept: nothing would tell of its end.
        """
        client_id, link = peer.session.client_id, self._link()
        found = self._clients.get(client_id)
        if found is None:
            found = Client(link, peer)
            if link.node.clients.by_id(client_id) is peer:
                self._clients[client_id] = found
        return found

    @property
    def client_count(self) -> int:
        """Clients that handlers have seen and that are still connected."""
        return len(self._clients)

    # -- coming and going ----------------------------------------------------------------------

    @property
    def greets(self) -> bool:
        return self._registry.hooks.has("on_connect")

    async def greet(self, peer: Peer) -> Greeting:
        client, names = Client(self._link(), peer), list[str]()
        self._clients[client.id] = client
        try:
            for handler in self._registry.hooks.of("on_connect"):
                names += _names(handler, await self._workers.run(handler, client))
        except BaseException:
            self._clients.pop(client.id, None)  # it never was here, so it is not said to be gone
            raise
        return Greeting(tuple(names))

    def farewell(self, peer: Peer, code: int, reason: str) -> None:
        client = self._clients.pop(peer.session.client_id, None) or Client(self._link(), peer)
        for handler in self._registry.hooks.of("on_disconnect"):
            self._tell(client.id, handler, client, reason=reason, code=code)

    # -- what clients do -----------------------------------------------------------------------

    @property
    def message_types(self) -> Sequence[type[Struct]]:
        return tuple(self._registry.messages)

    async def receive(self, peer: Peer, message: Struct) -> None:
        handler = self._registry.messages[type(message)]  # type: ignore[index]
        await self._workers.run(handler, self.client(peer), message)

    async def call(self, peer: Peer, method: str, data: Raw) -> bytes:
        call = self._registry.calls.get(method)
        if call is None:
            raise CommandRefused("malformed", f"there is no method {method!r}")
        arguments = call.arguments(data)
        answer = await self._workers.run(call.handler, self.client(peer), **arguments)
        try:
            return msgspec.json.encode(answer)
        except (TypeError, ValueError, RecursionError) as error:
            logger.exception("a call's answer is not JSON", extra={"handler": call.handler.name})
            raise CommandRefused("internal", "internal error") from error

    async def may(self, action: Action, peer: Peer, found: Found) -> bool:
        handlers = self._registry.hooks.of(MAY[action], found.pattern)
        if not handlers:
            logger.error(
                "a channel's access is left to a hook that nobody declared",
                extra={"pattern": found.pattern, "hook": MAY[action]},
            )
            return False
        return bool(await self._workers.run(handlers[-1], self.client(peer), **_about(found)))

    # -- what clients publish ------------------------------------------------------------------

    def reviews(self, found: Found) -> bool:
        return bool(self._registry.hooks.of("on_publish", found.pattern))

    async def review(self, peer: Peer, entry: Publication) -> Publication:
        found = self._link().node.find(entry.channel)
        if found is None:
            return entry
        for handler in self._registry.hooks.of("on_publish", found.pattern):
            data = self._registry.read(found.pattern, entry.data)
            answer = await self._workers.run(handler, self.client(peer), data, **_about(found))
            if answer is not None:
                text = msgspec.json.encode(answer).decode()
                entry = msgspec.structs.replace(entry, data=text)
        return entry

    # -- news ----------------------------------------------------------------------------------

    def subscribed(self, peer: Peer, channel: str) -> None:
        self._tell_of_client("on_subscribe", peer, channel)

    def unsubscribed(self, peer: Peer, channel: str) -> None:
        self._tell_of_client("on_unsubscribe", peer, channel)

    def occupied(self, channel: str) -> None:
        self._tell_of_channel("on_occupied", channel)

    def vacated(self, channel: str) -> None:
        self._tell_of_channel("on_vacated", channel)

    def _tell_of_client(self, hook: HookName, peer: Peer, channel: str) -> None:
        if not self._registry.hooks.has(hook):
            return
        client = self.client(peer)
        found = self._link().node.find(channel)
        if found is not None:
            for handler in self._registry.hooks.of(hook, found.pattern):
                self._tell(client.id, handler, client, **_about(found))

    def _tell_of_channel(self, hook: HookName, channel: str) -> None:
        if not self._registry.hooks.has(hook):
            return
        found = self._link().node.find(channel)
        if found is not None:
            for handler in self._registry.hooks.of(hook, found.pattern):
                self._tell(channel, handler, **_about(found))

    def _tell(self, key: str, handler: Handler, *places: Any, **names: Any) -> None:
        self._notices.post(key, partial(self._workers.run_safely, handler, *places, **names))


def _about(found: Found) -> dict[str, str]:
    return {"channel": found.name, **found.variables}


def _names(handler: Handler, answer: object) -> list[str]:
    """The channels that ``on_connect`` named: none, one, or several."""
    if answer is None:
        return []
    names = [answer] if isinstance(answer, str) else answer
    if isinstance(names, Collection) and all(isinstance(name, str) for name in names):
        return list(names)
    logger.error("on_connect answers channels' names or None", extra={"handler": handler.name})
    raise CommandRefused("internal", "internal error")
