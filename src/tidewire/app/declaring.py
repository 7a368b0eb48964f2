"""Declaring: the decorators and declarations of an ``App``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, Unpack, overload

from tidewire.app.calls import make_call
from tidewire.app.channels import Channel, ChannelKeywords, declare
from tidewire.app.handlers import Handling, Wanted, check_annotation, make_handler
from tidewire.app.hooks import ANSWER_S, KINDS, Hook
from tidewire.app.message import Message
from tidewire.app.publishing import Publishes
from tidewire.app.registry import Registry
from tidewire.app.ticking import Ticker

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")

MAX_METHOD_LENGTH = 255
"""As long as the protocol's ``method`` may be."""


class Declares(Publishes):
    """The part of ``App`` that says what an application is made of."""

    authenticate: Hook
    """Called with a ``Handshake`` before the upgrade is answered; answers a ``User``, or None to
    refuse (401). Not called for clients whose token or ticket the server itself can check. An
    exception refuses with 503 and is logged."""

    on_connect: Hook
    """Called with the ``Client`` before it is told that it is connected. May raise ``Refused``, may
    set ``client.state``, may answer the channels to subscribe it to."""

    on_disconnect: Hook
    """Called with the ``Client`` that has gone, and by name with ``reason`` and ``code``."""

    may_subscribe: Hook
    may_publish: Hook
    may_read_history: Hook
    may_read_presence: Hook
    """Called with the ``Client``, and by name with ``channel`` and the pattern's placeholders;
    answers whether it may. Declaring one leaves that decision to it alone."""

    on_publish: Hook
    """Called with the ``Client`` and the data it publishes; answers other data to publish instead,
    or None to leave it as it is; raises ``Refused``."""

    on_subscribe: Hook
    on_unsubscribe: Hook
    """Called with the ``Client``, and by name with ``channel`` and placeholders: it is done."""

    on_occupied: Hook
    on_vacated: Hook
    """Called by name with ``channel`` and placeholders: on this node the first subscriber has come,
    the last has gone."""

    on_start: Hook
    on_stop: Hook
    """Called before the first client may come, and after the last has gone."""

    background: Hook
    """An ``async def`` that runs as long as the server does, and is cancelled at its end."""

    def __init__(self) -> None:
        self._registry = Registry()
        for kind in KINDS:
            setattr(self, kind.name, Hook(self._registry.hooks, kind))

    def on(
        self,
        message: type[Message],
        *,
        inline: bool = False,
        time_limit_s: float | None = None,
    ) -> Callable[[F], F]:
        """Decorator: handles the messages of one type, those of one client in their order.

        Called with the ``Client`` and the message. Raise ``Refused`` to tell the client no.
        """
        if not (isinstance(message, type) and issubclass(message, Message)):
            raise TypeError(f"@app.on takes a type of Message, not {message!r}")
        label = f"@app.on({message.__name__})"

        def decorate(function: F) -> F:
            wanted = Wanted(label, ("client", "message"), longest_s=ANSWER_S)
            check_annotation(function, wanted, message)
            handler = make_handler(function, wanted, Handling(inline, time_limit_s))
            self._registry.add_message(message, handler)
            return function

        return decorate

    def sends(self, *messages: type[Message]) -> None:
        """Say which messages ``client.send`` and ``publish`` tell clients.

        Nothing depends on it but what describes the application: its TypeScript types
        and its AsyncAPI document.
        """
        for each in messages:
            if not (isinstance(each, type) and issubclass(each, Message)):
                raise TypeError(f"app.sends takes types of Message, not {each!r}")
        self._registry.sent += messages

    def call(
        self, method: str, *, inline: bool = False, time_limit_s: float | None = None
    ) -> Callable[[F], F]:
        """Decorator: answers what clients ask for by ``method``.

        Called with the ``Client`` and the parameters, read by their annotations.
        """
        if not isinstance(method, str) or not 0 < len(method) <= MAX_METHOD_LENGTH:
            raise TypeError(
                f'@app.call takes the method\'s name: @app.call("score"), not {method!r}'
            )

        def decorate(function: F) -> F:
            self._registry.add_call(make_call(method, function, Handling(inline, time_limit_s)))
            return function

        return decorate

    def every(
        self,
        period_s: float,
        *,
        lease: str | None = None,
        inline: bool = False,
        time_limit_s: float | None = None,
    ) -> Callable[[F], F]:
        """Decorator: runs every ``period_s`` seconds while the server does.

        No drift, and a tick that is missed is left out. With ``lease`` on one node of
        all that ask for the same.
        """
        if period_s <= 0:
            raise TypeError(f"@app.every takes seconds above zero, not {period_s!r}")
        label = f"@app.every({period_s:g})"

        def decorate(function: F) -> F:
            handler = make_handler(function, Wanted(label), Handling(inline, time_limit_s))
            self._registry.tickers.append(Ticker(handler, period_s, lease))
            return function

        return decorate

    @overload
    def channel(
        self, pattern: str, type_: type[T], /, **options: Unpack[ChannelKeywords]
    ) -> Channel[T]: ...
    @overload
    def channel(
        self, pattern: str, /, *types: Any, **options: Unpack[ChannelKeywords]
    ) -> Channel[Any]: ...
    def channel(
        self, pattern: str, /, *types: Any, **options: Unpack[ChannelKeywords]
    ) -> Channel[Any]:
        """Declare the channels of ``pattern``: what they carry, keep and allow.

        What a client publishes there has to be one of ``types``; without any it may
        be anything. Who may do what is "anyone", "authenticated", "subscribers" (who
        publishes, unless said otherwise), "token", "hook" or "nobody".
        """
        self._registry.add_channel(declare(pattern, types, options))
        return Channel(self, pattern)
