"""Handler: a function of the application's, what it is handed, and how it is run.

A mistake in its signature is found where it is declared, and said in a sentence
that names it; not with the first message of the first client.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Collection, Sequence
from inspect import Parameter
from typing import Any, Literal, TypeAlias, get_type_hints

from msgspec import Struct

Function: TypeAlias = Callable[..., Any]

Mode: TypeAlias = Literal["async", "thread", "inline"]
"""In the event loop as a coroutine; in a thread of the pool; in the event loop, while all wait."""

_NAMED = (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)
_IN_PLACE = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)


class Wanted(Struct, frozen=True):
    """What the functions of one decorator are called with.

    ``places`` are handed over in their order, ``names`` by name to those that
    take them.
    """

    label: str
    """The decorator as it is written: ``@app.on(Move)``."""

    places: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    longest_s: float = math.inf
    """How long whoever calls them waits at most."""


class Handling(Struct, frozen=True):
    """How a function is to be run; ``time_limit_s`` None is the application's own."""

    inline: bool = False
    time_limit_s: float | None = None


class Handler(Struct, frozen=True):
    """A function that has been looked at. ``names`` are those of ``Wanted.names`` it takes."""

    function: Function
    name: str
    mode: Mode
    names: frozenset[str]
    time_limit_s: float | None
    longest_s: float

    def named(self, values: dict[str, Any]) -> dict[str, Any]:
        """Of ``values`` those it takes."""
        return {name: value for name, value in values.items() if name in self.names}


def make_handler(function: Function, wanted: Wanted, handling: Handling = Handling()) -> Handler:  # noqa: B008 (frozen)
    """``function`` as a handler; raises ``TypeError`` with a sentence where it cannot be one."""
    if not callable(function):
        raise TypeError(f"{wanted.label} decorates a function, not {function!r}")
    if handling.time_limit_s is not None and not 0 < handling.time_limit_s <= wanted.longest_s:
        most = "" if math.isinf(wanted.longest_s) else f", at most {wanted.longest_s:g}"
        raise TypeError(f"{wanted.label}: time_limit_s is seconds above zero{most}")
    return Handler(
        function=function,
        name=_name(function),
        mode=_mode(function, wanted, handling),
        names=_check_signature(function, wanted),
        time_limit_s=handling.time_limit_s,
        longest_s=wanted.longest_s,
    )


def _name(function: Function) -> str:
    return f"{function.__module__}.{getattr(function, '__qualname__', repr(function))}"


def _mode(function: Function, wanted: Wanted, handling: Handling) -> Mode:
    is_coroutine = inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004 (an object whose call is async)
    )
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise TypeError(f"{wanted.label}: {_name(function)} is a generator; write return for yield")
    if is_coroutine and handling.inline:
        raise TypeError(
            f"{wanted.label}: {_name(function)} is async, so it is in the event loop already; "
            "inline=True is for def"
        )
    if is_coroutine:
        return "async"
    return "inline" if handling.inline else "thread"


def _check_signature(function: Function, wanted: Wanted) -> frozenset[str]:
    parameters = list(inspect.signature(function).parameters.values())
    rest = _after_places(parameters, function, wanted)
    if any(each.kind is Parameter.VAR_KEYWORD for each in rest):
        return frozenset(wanted.names)
    taken = set[str]()
    for each in rest:
        if each.kind in _NAMED and each.name in wanted.names:
            taken.add(each.name)
        elif each.default is Parameter.empty and each.kind is not Parameter.VAR_POSITIONAL:
            raise TypeError(_unknown(function, wanted, each.name))
    return frozenset(taken)


def _after_places(
    parameters: Sequence[Parameter], function: Function, wanted: Wanted
) -> Sequence[Parameter]:
    """What follows the parameters that are handed over in their order."""
    if parameters and parameters[0].kind is Parameter.VAR_POSITIONAL:
        return parameters[1:]
    for index, place in enumerate(wanted.places):
        if index >= len(parameters) or parameters[index].kind not in _IN_PLACE:
            raise TypeError(
                f"{wanted.label}: {_name(function)} is called with "
                f"{_listed(wanted.places, ' and ')}, and has no parameter for the {place}"
            )
    return parameters[len(wanted.places) :]


def check_annotation(function: Function, wanted: Wanted, message: type) -> None:
    """Raise ``TypeError`` where the second parameter says that it is another type's."""
    try:
        hints = list(get_type_hints(function).items())
    except (NameError, TypeError):  # of names that only a type checker sees
        return
    named = list(inspect.signature(function).parameters)[1:2]
    for name, hint in hints:
        is_struct = isinstance(hint, type) and issubclass(hint, Struct)
        if name in named and is_struct and not issubclass(message, hint):
            raise TypeError(
                f"{wanted.label}: {_name(function)} takes a {hint.__name__}, "
                f"and is called with a {message.__name__}"
            )


def _unknown(function: Function, wanted: Wanted, parameter: str) -> str:
    given = _listed(wanted.places, " and ") or "nothing"
    also = f", and by name with any of {_listed(wanted.names, ', ')}" if wanted.names else ""
    return (
        f"{wanted.label}: {_name(function)} is called with {given}{also}; "
        f"nobody hands it {parameter!r}"
    )


def _listed(names: Collection[str], glue: str) -> str:
    return glue.join(names)
