"""The vocabulary as lists, for tests that compare it with what is written about it."""

from __future__ import annotations

from typing import get_args

from tidewire.messages import AnyCommand, Command, Event

COMMAND_KINDS: tuple[type[Command], ...] = get_args(AnyCommand)


def _leaves(kind: type[Event]) -> tuple[type[Event], ...]:
    """Events that are sent; a class that only others are made from is none."""
    below = kind.__subclasses__()
    return tuple(leaf for each in below for leaf in _leaves(each)) if below else (kind,)


EVENT_KINDS = _leaves(Event)


def type_name(kind: type[Command | Event]) -> str:
    return str(kind.__struct_config__.tag)
