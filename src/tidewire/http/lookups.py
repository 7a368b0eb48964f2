"""What the calls' handlers share: finding a channel, and values that may be left out."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET

from tidewire.api.errors import ApiError
from tidewire.channels.patterns import Found
from tidewire.node.core import Node


def channel_of(node: Node, name: str) -> Found:
    """The channel; raises ``ApiError`` where no pattern is configured for its name."""
    found = node.find(name)
    if found is None:
        raise ApiError("not_found", "no channel of that name is configured")
    return found


def given(value: Any) -> Any:
    """None for what was left out of a call."""
    return None if value is UNSET else value


def told(value: Any) -> Any:
    """Left out of an answer where there is none."""
    return UNSET if value is None else value
