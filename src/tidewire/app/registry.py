"""Registry: everything an application has declared, and whether it fits together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from tidewire.app.calls import Call
from tidewire.app.channels import Declared
from tidewire.app.handlers import Handler
from tidewire.app.hooks import HookName, Hooks
from tidewire.app.message import Message, kind_of
from tidewire.app.ticking import Ticker
from tidewire.channels.options import ChannelOptions
from tidewire.errors import ConfigError

ACCESS_OPTIONS: tuple[HookName, ...] = (
    "may_subscribe",
    "may_publish",
    "may_read_history",
    "may_read_presence",
)
"""A hook of one of these names decides what the option of the same name is about."""


class Registry:
    """One application's declarations."""

    def __init__(self) -> None:
        self.messages: dict[type[Message], Handler] = {}
        self.sent: list[type[Message]] = []
        self.calls: dict[str, Call] = {}
        self.channels: dict[str, Declared] = {}
        self.tickers: list[Ticker] = []
        self.hooks = Hooks()

    def add_message(self, message: type[Message], handler: Handler) -> None:
        try:
            msgspec.json.Decoder(message)
        except TypeError as error:
            name = message.__name__
            raise TypeError(f"@app.on({name}): {name} cannot be read from JSON: {error}") from None
        for other, first in self.messages.items():
            if kind_of(other) == kind_of(message):
                raise TypeError(
                    f"messages of type {kind_of(message)!r} are handled by {first.name} already"
                )
        self.messages[message] = handler

    def add_call(self, call: Call) -> None:
        if call.method in self.calls:
            first = self.calls[call.method].handler.name
            raise TypeError(f"the method {call.method!r} is declared twice: {first} is the first")
        self.calls[call.method] = call

    def add_channel(self, declared: Declared) -> None:
        if declared.pattern in self.channels:
            raise TypeError(f"app.channel({declared.pattern!r}) is declared twice")
        self.channels[declared.pattern] = declared

    def read(self, pattern: str, data: str) -> Any:
        """An entry's data as the channel's type, or as plain JSON where it has none."""
        declared = self.channels.get(pattern)
        if declared is None or declared.shape is None:
            return msgspec.json.decode(data)
        return declared.shape.decode(data)

    def rules(
        self, configured: Iterable[tuple[str, ChannelOptions]], default: ChannelOptions
    ) -> Sequence[tuple[str, ChannelOptions]]:
        """All channels: those declared here, on top of ``default``, before those configured.

        Raises ``ConfigError`` where a hook is about a channel that nobody has.
        """
        rules = {each.pattern: each.options(default) for each in self.channels.values()}
        for pattern, options in configured:
            rules.setdefault(pattern, options)
        for pattern, hook in self.hooks.patterns().items():
            if pattern not in rules:
                raise ConfigError(
                    f"{hook} is about a channel that is not there: declare it with "
                    f"app.channel({pattern!r}), or configure it"
                )
        return [(pattern, self._with_hooks(pattern, options)) for pattern, options in rules.items()]

    def _with_hooks(self, pattern: str, options: ChannelOptions) -> ChannelOptions:
        asked = {name: "hook" for name in ACCESS_OPTIONS if self.hooks.own(name, pattern)}
        return replace(options, **asked) if asked else options
