"""Which options a channel has: patterns in order, the first match wins, no match is no channel.

A pattern is a channel name in which a segment may be ``{name}`` (any one
segment) and the last one ``*`` (one or more segments): ``chat:{room}``,
``prices:*``, ``lobby``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from tidewire.channels.names import is_name
from tidewire.channels.options import ChannelOptions
from tidewire.errors import ConfigError

MAX_CACHED_NAMES = 10_000
"""Names are the clients' to choose, so the cache is bounded: emptied when full, about 1 MiB."""

_PLACEHOLDER = re.compile(r"\{[A-Za-z_][A-Za-z0-9_]*\}")


class ChannelTable:
    """Looks up a channel's options by name."""

    __slots__ = ("_cache", "_rules")

    def __init__(self, rules: Iterable[tuple[str, ChannelOptions]]) -> None:
        self._rules = [(_compile(pattern), options) for pattern, options in rules]
        self._cache: dict[str, ChannelOptions | None] = {}

    def options(self, name: str) -> ChannelOptions | None:
        """The options of the first pattern that matches ``name``; None where none does."""
        try:
            return self._cache[name]
        except KeyError:
            return self._look_up(name)

    def _look_up(self, name: str) -> ChannelOptions | None:
        found = None
        if is_name(name):
            found = next((options for rule, options in self._rules if rule.fullmatch(name)), None)
        if len(self._cache) >= MAX_CACHED_NAMES:
            self._cache.clear()
        self._cache[name] = found
        return found


def _compile(pattern: str) -> re.Pattern[str]:
    segments = pattern.split(":")
    return re.compile(":".join(_segment(pattern, text, segments) for text in segments))


def _segment(pattern: str, text: str, segments: list[str]) -> str:
    if _PLACEHOLDER.fullmatch(text):
        return "[^:]+"
    if text == "*" and text is segments[-1] and segments.count("*") == 1:
        return ".+"
    if is_name(text):
        return re.escape(text)
    raise ConfigError(
        f"channel pattern {pattern!r}: {text!r} is neither a name, a {{placeholder}}, "
        "nor a '*' at the end"
    )
