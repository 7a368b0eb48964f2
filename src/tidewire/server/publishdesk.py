"""Publishing by a client over plain HTTP: one command, and its answer.

The command goes the way of every other one, with the permissions, hooks and
rates that hold for it. Since there is no connection to keep a rate for, what one
connection may do is counted by user, and by address for who shows no name.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Any, Protocol, cast

import msgspec
from msgspec import Raw, Struct

from tidewire.clock import Clock
from tidewire.dialects.base import Dialect
from tidewire.errors import CommandRefused, HandshakeRefused
from tidewire.messages import AnyCommand, Event, Failure, Publish
from tidewire.node.peer import Peer
from tidewire.security.admission import ip_bucket
from tidewire.security.ids import new_client_id
from tidewire.security.rates import KeyedRates
from tidewire.security.user import User
from tidewire.server.door import FrontDoor, Request
from tidewire.server.polldesk import STATUS, refused
from tidewire.server.queries import with_ticket
from tidewire.server.shared import Shared
from tidewire.server.visitor import Visitor
from tidewire.session import Session, rate_limited

MAX_RATED = 100_000
"""Users and addresses whose rate is remembered at a time; some 20 MiB when full."""

MAX_REMEMBERED = 2_000
"""Of them, those whose rates in bytes and in each channel are: 2 MiB, or 80 where all of them have
written in 128 channels. Beyond it, who published longest ago has its bursts back."""

ANSWER_S = 30.0
"""An engine tells every outcome well within it; what has none by then is unknown."""

JSON = "application/json"

_fields = msgspec.json.Decoder(dict[str, Raw]).decode


class Doing(Protocol):
    """The node, for one command."""

    def act(self, peer: Peer, command: AnyCommand) -> None: ...


class Author(Struct, frozen=True):
    """Who publishes, and under which name its rates are counted."""

    key: str
    user: User


class PublishDesk:
    """Publishes what a request brings."""

    def __init__(self, door: FrontDoor, node: Doing, shared: Shared, dialect: Dialect) -> None:
        self._door = door
        self._node = node
        self._shared = shared
        self._clock: Clock = shared.clock
        self._dialect = dialect
        self._rates = KeyedRates[str](shared.limits.session.publications, MAX_RATED)
        self._latest: OrderedDict[str, Session] = OrderedDict()  # of each user or address

    @property
    def max_bytes(self) -> int:
        """Of a body: as of a message."""
        return self._shared.limits.session.max_message_bytes

    def set_limits(self) -> None:
        """Take over the rate of what all share, for who is remembered already, too."""
        self._latest.clear()
        self._rates.set_rate(self._shared.limits.session.publications)

    async def admit(self, request: Request) -> Author:
        """Who publishes. Raises ``HandshakeRefused``.

        A form of any page can post with its visitor's cookies, but only a script of
        an allowed page with this content type: the browser asks us first (CSRF).
        """
        self._door.check_running()
        handshake, address = self._door.read(request)
        kind = (handshake.header("content-type") or "").partition(";")[0].strip().lower()
        if kind != JSON:
            raise HandshakeRefused(415, "malformed", f"the content type has to be {JSON}")
        user = await self._door.identify(with_ticket(handshake))
        key = f"ip {ip_bucket(address.ip)}" if user.is_anonymous else f"user {user.id}"
        wait_s = self._rates.take(key, self._clock.monotonic())
        if wait_s:
            raise refused(rate_limited("publications", wait_s))
        return Author(key, user)

    async def publish(self, author: Author, body: bytes) -> tuple[int, bytes]:
        """The answer's status and JSON. Cancelled, it may have been published all the same."""
        command, visitor = self._command(body), Visitor(self._session(author))
        self._node.act(visitor, command)
        try:
            async with asyncio.timeout(ANSWER_S):
                event = await visitor.answer
        except TimeoutError:
            raise refused(CommandRefused("unknown_outcome", "no answer in time")) from None
        finally:
            visitor.leave()
        status = STATUS.get(event.code, 500) if isinstance(event, Failure) else 200
        return status, self._dialect.event(_without_id(event))

    def _session(self, author: Author) -> Session:
        """A client for this one request, on what its author's last one has left of its rates."""
        session = Session(new_client_id(), author.user, self._shared.limits.session)
        before = self._latest.pop(author.key, None)
        if before is not None:
            session.go_on_from(before)
        elif len(self._latest) >= MAX_REMEMBERED:
            self._latest.popitem(last=False)
        self._latest[author.key] = session
        session.is_welcome = True
        return session

    def _command(self, body: bytes) -> Publish:
        """``publish``, whatever its ``type`` may say. Raises ``HandshakeRefused``."""
        try:
            fields: dict[str, Any] = {**_fields(body), "type": "publish", "id": 0}
            command = self._dialect.decode(msgspec.json.encode(fields).decode())
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            raise refused(CommandRefused("malformed", "the body is no JSON object")) from None
        except CommandRefused as refusal:
            raise refused(refusal) from None
        return cast(Publish, command)


def _without_id(event: Event) -> Event:
    return msgspec.structs.replace(event, id=msgspec.UNSET)
