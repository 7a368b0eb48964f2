"""Hooks: the decorators whose functions are called when something happens.

Each may be written plain, ``@app.on_connect``, or called: with a channel's pattern
where it is about channels, and with how it is to be run.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal, TypeAlias, TypeVar, overload

from msgspec import Struct

from tidewire.app.handlers import Handler, Handling, Wanted, make_handler
from tidewire.channels.patterns import placeholders
from tidewire.node.gate import HANDLERS, HOOKS

F = TypeVar("F", bound=Callable[..., Any])

HookName: TypeAlias = Literal[
    "authenticate",
    "background",
    "may_publish",
    "may_read_history",
    "may_read_presence",
    "may_subscribe",
    "on_connect",
    "on_disconnect",
    "on_occupied",
    "on_publish",
    "on_start",
    "on_stop",
    "on_subscribe",
    "on_unsubscribe",
    "on_vacated",
]


DECISION_S = 0.9 * HOOKS.timeout_s
ANSWER_S = 0.9 * HANDLERS.timeout_s
"""How long a decision, and an answer, may take: less than the node waits for it, so that what is
late is logged by its name."""


class HookKind(Struct, frozen=True):
    """What one hook's functions are called with, and what it may be about."""

    name: HookName
    places: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    pattern: Literal["none", "may", "must"] = "none"
    is_single: bool = False
    """Whether one function alone decides."""

    longest_s: float = math.inf
    is_task: bool = False
    """Whether it runs as long as the server does."""


class Hooks:
    """The functions of all hooks. ``None`` as a pattern is every channel."""

    def __init__(self) -> None:
        self._handlers: dict[tuple[HookName, str | None], list[Handler]] = {}

    def add(self, kind: HookKind, pattern: str | None, function: Any, handling: Handling) -> None:
        """Raises ``TypeError`` with a sentence where ``function`` cannot be one."""
        label = f"@app.{kind.name}" + (f"({pattern!r})" if pattern is not None else "")
        if kind.pattern == "must" and pattern is None:
            raise TypeError(f'{label} is about channels: write @app.{kind.name}("chat:{{room}}")')
        if kind.pattern == "none" and pattern is not None:
            raise TypeError(f"{label} is not about channels, so it takes no pattern")
        handlers = self._handlers.get((kind.name, pattern), [])
        if kind.is_single and handlers:
            raise TypeError(f"{label} is declared twice: {handlers[0].name} is the first")
        names = (*kind.names, *(placeholders(pattern) if pattern is not None else ()))
        wanted = Wanted(label, kind.places, names, kind.longest_s)
        handler = make_handler(function, wanted, handling)
        if kind.is_task and handler.mode != "async":
            raise TypeError(f"{label}: {handler.name} runs for ever, so it is an async def")
        self._handlers[kind.name, pattern] = [*handlers, handler]

    def of(self, name: HookName, pattern: str | None = None) -> list[Handler]:
        """Those for every channel, and those for the channels of ``pattern``."""
        everywhere = self._handlers.get((name, None), [])
        if pattern is None:
            return everywhere
        return [*everywhere, *self.own(name, pattern)]

    def own(self, name: HookName, pattern: str) -> list[Handler]:
        """Those for the channels of ``pattern`` and no others."""
        return self._handlers.get((name, pattern), [])

    def patterns(self) -> dict[str, str]:
        """Every pattern that a hook names, and how that hook is written."""
        return {
            pattern: f"@app.{name}({pattern!r})"
            for name, pattern in self._handlers
            if pattern is not None
        }

    def has(self, *names: HookName) -> bool:
        return any(name in names for name, _ in self._handlers)


class Hook:
    """The decorator of one hook."""

    def __init__(self, hooks: Hooks, kind: HookKind) -> None:
        self._hooks = hooks
        self._kind = kind

    @overload
    def __call__(self, function: F, /) -> F: ...
    @overload
    def __call__(
        self,
        pattern: str | None = None,
        /,
        *,
        inline: bool = False,
        time_limit_s: float | None = None,
    ) -> Callable[[F], F]: ...
    def __call__(
        self,
        about: Any = None,
        /,
        *,
        inline: bool = False,
        time_limit_s: float | None = None,
    ) -> Any:
        handling = Handling(inline, time_limit_s)
        if isinstance(about, str):
            placeholders(about)  # a pattern that is none fails here
        if about is not None and not isinstance(about, str):
            self._hooks.add(self._kind, None, about, handling)
            return about

        def decorate(function: F) -> F:
            self._hooks.add(self._kind, about, function, handling)
            return function

        return decorate


CLIENT = ("client",)


def _may(name: HookName) -> HookKind:
    return HookKind(
        name, CLIENT, ("channel",), pattern="must", is_single=True, longest_s=DECISION_S
    )


KINDS = (
    HookKind("authenticate", ("handshake",), is_single=True),
    HookKind("on_connect", CLIENT, longest_s=DECISION_S),
    HookKind("on_disconnect", CLIENT, ("reason", "code")),
    _may("may_subscribe"),
    _may("may_publish"),
    _may("may_read_history"),
    _may("may_read_presence"),
    HookKind("on_publish", ("client", "data"), ("channel",), pattern="may", longest_s=DECISION_S),
    HookKind("on_subscribe", CLIENT, ("channel",), pattern="may"),
    HookKind("on_unsubscribe", CLIENT, ("channel",), pattern="may"),
    HookKind("on_occupied", (), ("channel",), pattern="may"),
    HookKind("on_vacated", (), ("channel",), pattern="may"),
    HookKind("on_start"),
    HookKind("on_stop"),
    HookKind("background", is_task=True),
)
