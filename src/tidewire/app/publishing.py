"""Publishing: what an application tells channels, users and clients, from any thread."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar, Unpack

import msgspec

from tidewire.app.link import Link, Pending
from tidewire.app.message import Message, fields_of, kind_of
from tidewire.app.saying import text_of
from tidewire.channels.names import check_name, segment
from tidewire.channels.options import ChannelOptions
from tidewire.engines.base import Receipt
from tidewire.errors import CommandRefused, EngineUnavailable, TidewireError
from tidewire.messages import Op, Position, Publication

if TYPE_CHECKING:
    from tidewire.app.client import Client

logger = logging.getLogger("tidewire.app")

T = TypeVar("T")


class PublishKeywords(TypedDict, total=False):
    """What may be said of a publication."""

    once: str | None
    """Idempotency key: a repeated call publishes once."""
    key: str | None
    """What the entry is about: the latest of each key is kept where the channel says so."""
    op: Op | None
    """``"remove"`` takes ``key`` out again."""
    ttl: float | None
    """Seconds after which ``key`` goes by itself."""
    ref: int | None
    """The ``seq`` this one is about."""
    tags: dict[str, str] | None
    exclude: Client | None
    """Who is not sent it: mostly the one who caused it."""
    user_id: str
    """Who it is said to be from."""


class Publishes:
    """The part of ``App`` that speaks."""

    _link: Link | None = None

    async def publish(
        self, channel: str, data: Any = None, **keywords: Unpack[PublishKeywords]
    ) -> Position:
        """Publish ``data`` and wait until it is in the channel's history; answers its position.

        ``data`` is anything JSON can say, or a ``Message``, which goes out under its
        own type where the channel has not declared its types. No limit of a client
        applies. Raises ``CommandRefused`` for a channel that is not configured,
        ``EngineUnavailable`` where the engine did not take it, ``ValueError`` for a
        text that holds lone surrogates. Cancelled after the first step it may have
        been published all the same.
        """
        link = self._linked()
        if not link.is_here:
            return await self.publish_soon(channel, data, **keywords)
        done: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        self._submit(link, _draft(link, channel, data, keywords), _settle(done))
        return _position(await done)

    def publish_soon(
        self, channel: str, data: Any = None, **keywords: Unpack[PublishKeywords]
    ) -> Pending[Position]:
        """The same without waiting, from any thread: a view that is not async needs one line.

        ``.wait()`` for it, ``await`` it, or go on: what goes wrong is logged either way.
        """
        link = self._linked()
        draft = _draft(link, channel, data, keywords)
        done: Future[Position] = Future()
        done.set_running_or_notify_cancel()  # whoever stops waiting does not take it back
        link.soon(lambda: self._submit_for(link, draft, done))
        return Pending(done)

    async def publish_to_user(
        self, user_id: str, data: Any, /, **keywords: Unpack[PublishKeywords]
    ) -> Position:
        """Publish to every client of a user, on every device: in ``user:{userId}``."""
        return await self.publish(f"user:{segment(user_id)}", data, **keywords)

    def wait(self, work: Coroutine[Any, Any, T], timeout_s: float | None = None) -> T:
        """From a ``def`` handler or any other thread: what ``work`` answers.

        ``app.wait(app.history("chat:42"))`` is ``await app.history("chat:42")`` where
        there is no ``await``.
        """
        link = self._linked()
        if link.is_here:
            work.close()
            raise TidewireError("waiting here would stop the event loop: await it instead")
        return link.ask(work).wait(timeout_s)

    # -- inside the loop -----------------------------------------------------------------------

    def _submit_for(self, link: Link, draft: Publication, done: Future[Position]) -> None:
        def settle(receipt: Receipt) -> None:
            try:
                done.set_result(_position(receipt))
            except EngineUnavailable as error:
                _fail(done, draft, error)

        try:
            self._submit(link, draft, settle)
        except Exception as error:  # whoever waits must hear of it, whatever it is
            _fail(done, draft, error)

    def _submit(self, link: Link, draft: Publication, settle: Callable[[Receipt], None]) -> None:
        options = link.node.options(draft.channel)
        if options is None:
            raise CommandRefused("forbidden", f"no channel {draft.channel!r} is configured")
        link.node.publish(_in_form(draft, options), options, Receipt(draft.channel, settle, 0))

    def _linked(self) -> Link:
        if self._link is None:
            raise TidewireError("the server is not running yet: publish from a request or a hook")
        return self._link


def _draft(link: Link, channel: str, data: Any, keywords: PublishKeywords) -> Publication:
    """The entry, with a message under its own type. Raises what is wrong with it, at once."""
    check_name(channel)
    exclude, ttl = keywords.get("exclude"), keywords.get("ttl")
    user_id = keywords.get("user_id", "")
    once, key = keywords.get("once"), keywords.get("key")
    _check_texts(user_id=user_id, once=once, key=key)
    is_message = isinstance(data, Message)
    return Publication(
        channel, 0, "", 0, user_id, "",
        fields_of(data) if is_message else text_of(data),
        kind=kind_of(type(data)) if is_message else "message",
        once=once,
        key=key,
        ref=keywords.get("ref"),
        op=keywords.get("op"),
        tags=keywords.get("tags"),
        expires_at=None if ttl is None else int((link.node.clock.time() + ttl) * 1000),
        exclude="" if exclude is None else exclude.id,
    )  # fmt: skip


def _in_form(draft: Publication, options: ChannelOptions) -> Publication:
    """In a channel with types of its own an entry's data is one of them, a message's type too."""
    if draft.kind == "message" or options.check is None:
        return draft
    rest = draft.data[1:]
    tagged = f'{{"type":"{draft.kind}"' + ("" if rest == "}" else ",") + rest
    return msgspec.structs.replace(draft, kind="message", data=tagged)


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


def _fail(done: Future[Position], draft: Publication, error: Exception) -> None:
    logger.warning("not published", extra={"channel": draft.channel, "reason": str(error)})
    done.set_exception(error)


def _position(receipt: Receipt) -> Position:
    if receipt.outcome == "accepted" and receipt.position is not None:
        return receipt.position
    raise EngineUnavailable(f"the publication's outcome is {receipt.outcome}")
