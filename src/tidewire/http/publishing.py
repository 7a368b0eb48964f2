"""Publishing over HTTP: a call's content becomes an entry, and its receipt an answer."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import TypeAlias

import msgspec
from msgspec import UNSET, Raw, UnsetType

from tidewire.api.calls import (
    Answer,
    Broadcast,
    BroadcastResults,
    Content,
    Done,
    Publish,
    Published,
    Signal,
)
from tidewire.api.errors import ApiError
from tidewire.clock import Clock
from tidewire.dialects.native import has_doubles
from tidewire.engines.base import Receipt
from tidewire.errors import TidewireError
from tidewire.http.failures import failure_of
from tidewire.http.lookups import channel_of, given
from tidewire.messages import ENVELOPE_FIELDS, RESERVED_TYPES, Publication
from tidewire.messages import Signal as SignalMessage
from tidewire.node.core import Node
from tidewire.security.user import is_user_id

Outcome: TypeAlias = "asyncio.Future[Answer]"

MESSAGE = "message"
CHAT = "chat"
"""The protocol's own type that a backend may use."""

_KIND = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")
_decode_object = msgspec.json.Decoder(dict[str, Raw]).decode


class Publishing:
    """Submits entries and signals. ``max_bytes``: what a reader's queue is sure to take."""

    def __init__(self, node: Node, clock: Clock, max_bytes: int) -> None:
        self._node = node
        self._clock = clock
        self.max_bytes = max_bytes

    async def publish(self, call: Publish) -> Answer:
        return await self.begin(call)

    def begin(self, call: Publish) -> Outcome:
        """Submit now; the outcome comes with the tick's end. Raises what ``failure_of`` knows."""
        return self._submit(call, call.channel, self._checked(call))

    async def broadcast(self, call: Broadcast) -> Answer:
        data = self._checked(call)
        outcomes = [self._attempt(call, channel, data) for channel in call.channels]
        return BroadcastResults(results=[await each for each in outcomes])

    def _attempt(self, call: Broadcast, channel: str, data: str) -> Outcome:
        return attempt(lambda: self._submit(call, channel, data))

    def _submit(self, call: Content, channel: str, data: str) -> Outcome:
        options = channel_of(self._node, channel).options
        outcome: Outcome = asyncio.get_running_loop().create_future()
        entry = self._entry(call, channel, data)
        self._node.publish(entry, options, Receipt(channel, _settling(outcome), 0))
        return outcome

    def _entry(self, call: Content, channel: str, data: str) -> Publication:
        entry = Publication(channel, 0, "", 0, _user(call.user), "", data, call.kind)
        entry.once, entry.key, entry.ref = given(call.once), given(call.key), given(call.ref)
        entry.op, entry.tags = given(call.op), given(call.tags)
        if not isinstance(call.ttl, UnsetType):
            entry.expires_at = int((self._clock.time() + call.ttl) * 1000)
        return entry

    def _checked(self, call: Content) -> str:
        """The data's JSON text, once it is known to break nobody who reads it."""
        if isinstance(call.key, UnsetType) and not (call.op is UNSET and call.ttl is UNSET):
            raise ApiError("malformed", "op and ttl are about a key")
        if isinstance(call.data, UnsetType):
            if call.op is UNSET:
                raise ApiError("malformed", "a publish has data")
            return "null"
        data = self._bounded(call.data)
        if call.kind != MESSAGE:
            _check_kind(call.kind, data)
        return data

    def _bounded(self, raw: Raw) -> str:
        data = bytes(raw)
        if len(data) > self.max_bytes:
            raise ApiError("too_large", f"data is at most {self.max_bytes} bytes")
        if not has_doubles(data):
            raise ApiError("malformed", "a number in data is out of range")
        return data.decode()

    async def signal(self, call: Signal) -> Answer:
        """Sent with this tick; a signal is never kept, so there is nothing more to wait for."""
        channel_of(self._node, call.channel)
        data = "null" if isinstance(call.data, UnsetType) else self._bounded(call.data)
        self._node.signal(SignalMessage(call.channel, call.name, _user(call.user), "", data))
        return Done()


def attempt(begin: Callable[[], Outcome]) -> Outcome:
    """``begin``, whose refusal is an outcome like any other."""
    try:
        return begin()
    except TidewireError as error:
        outcome: Outcome = asyncio.get_running_loop().create_future()
        outcome.set_result(failure_of(error))
        return outcome


def _user(user: str | UnsetType) -> str:
    if isinstance(user, UnsetType):
        return ""
    if not is_user_id(user):
        raise ApiError("malformed", "a user id is 1 to 128 printable characters")
    return user


def _check_kind(kind: str, data: str) -> None:
    """Its name and fields must be an application's to choose; they travel beside the envelope's."""
    if _KIND.fullmatch(kind) is None or (kind in RESERVED_TYPES and kind != CHAT):
        raise ApiError("malformed", f"{kind!r} is no type of an application")
    if not data.startswith("{"):
        raise ApiError("malformed", f"data of type {kind!r} is an object")
    taken = ENVELOPE_FIELDS & _decode_object(data).keys()
    if taken:
        raise ApiError("malformed", f"{min(taken)!r} in data is a field of the envelope")


def _settling(outcome: Outcome) -> Callable[[Receipt], None]:
    def settle(receipt: Receipt) -> None:
        if not outcome.done():  # else whoever asked has gone
            outcome.set_result(_answer(receipt))

    return settle


def _answer(receipt: Receipt) -> Answer:
    position = receipt.position
    if receipt.outcome == "accepted" and position is not None:
        return Published(
            channel=receipt.channel, epoch=position.epoch, seq=position.seq, tag=position.tag
        )
    if receipt.outcome == "unknown":
        return ApiError("unknown_outcome", "repeat it with the same once key").as_answer()
    return ApiError("unavailable", "try again later", retry_after_s=1).as_answer()
