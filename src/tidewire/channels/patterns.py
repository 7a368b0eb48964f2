"""Which options a channel has: patterns in order, the first match wins, no match is no channel.

A pattern is a channel name in which a segment may be ``{name}`` (any one
segment) and the last one ``*`` (one or more segments): ``chat:{room}``,
``prices:*``, ``lobby``. What ``{userId}`` stands for is the one user whose channel
it is; nobody else may subscribe to it or read it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from msgspec import Struct

from tidewire.channels.names import is_name, segment
from tidewire.channels.options import ChannelOptions
from tidewire.errors import ConfigError

MAX_CACHED_NAMES = 10_000
"""Names are the clients' to choose, so the cache is bounded: emptied when full, about 4 MiB."""

OWNER = "userId"

_ANY = "_~_"
"""Stands for any segment, where patterns are compared: no pattern has it for a name's own."""

_PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")


class Found(Struct, frozen=True):
    """A channel that exists: its rules, and what its pattern's placeholders stand for."""

    name: str
    pattern: str
    options: ChannelOptions
    variables: dict[str, str]

    def is_open_to(self, user_id: str) -> bool:
        """Whether it is nobody's own, or this user's."""
        owner = self.variables.get(OWNER)
        return owner is None or owner == segment(user_id)


class ChannelTable:
    """Looks up a channel's options by name."""

    __slots__ = ("_by_server", "_cache", "_rules")

    def __init__(self, rules: Iterable[tuple[str, ChannelOptions]]) -> None:
        self._rules = [(pattern, _compile(pattern), options) for pattern, options in rules]
        self._by_server = [
            _one_for_a_user(pattern)
            for pattern, _, options in self._rules
            if options.subscribed_by_server
        ]
        self._cache: dict[str, Found | None] = {}

    def find(self, name: str) -> Found | None:
        """The channel by the first pattern that matches ``name``; None where none does."""
        try:
            return self._cache[name]
        except KeyError:
            return self._look_up(name)

    def options(self, name: str) -> ChannelOptions | None:
        """The same, for those who need only the rules."""
        found = self.find(name)
        return None if found is None else found.options

    def names_for(self, user_id: str) -> list[str]:
        """The channels that every client of a user is subscribed to by the server."""
        if not self._by_server:
            return []
        own = segment(user_id)
        return [pattern.replace(f"{{{OWNER}}}", own) for pattern in self._by_server]

    def _look_up(self, name: str) -> Found | None:
        found = self._match(name) if is_name(name) else None
        if len(self._cache) >= MAX_CACHED_NAMES:
            self._cache.clear()
        self._cache[name] = found
        return found

    def _match(self, name: str) -> Found | None:
        for pattern, rule, options in self._rules:
            if match := rule.fullmatch(name):
                return Found(name, pattern, options, match.groupdict())
        return None


def _one_for_a_user(pattern: str) -> str:
    """``pattern``, where it names one channel once the user is known: all that a server can
    subscribe somebody to unasked."""
    if not is_name(pattern.replace(f"{{{OWNER}}}", "x")):
        raise ConfigError(
            f"channel pattern {pattern!r}: subscribed_by_server needs one channel, with no "
            "placeholder but {userId}"
        )
    return pattern


MAX_COMPILED = 1_000
"""Patterns of tokens that are kept compiled: applications give a few, each to many users."""


def covers(pattern: str, name: str) -> bool:
    """Whether ``name`` is one of the channels of ``pattern``; one that means nothing has none."""
    rule = _compiled(pattern)
    return rule is not None and rule.fullmatch(name) is not None


@lru_cache(MAX_COMPILED)
def _compiled(pattern: str) -> re.Pattern[str] | None:
    try:
        return _compile(pattern)
    except ConfigError:
        return None


def includes(pattern: str, other: str) -> bool:
    """Whether every name of ``other``'s channels is one of ``pattern``'s, too."""
    sample = _PLACEHOLDER.sub(_ANY, other)
    samples = (sample[:-1] + _ANY, f"{sample[:-1]}{_ANY}:{_ANY}")
    rule = _compile(pattern)
    return all(map(rule.fullmatch, samples if other.endswith("*") else (sample,)))


def placeholders(pattern: str) -> tuple[str, ...]:
    """The names of a pattern's placeholders, in order; raises ``ConfigError`` where it is none."""
    return tuple(_compile(pattern).groupindex)


def _compile(pattern: str) -> re.Pattern[str]:
    segments = pattern.split(":")
    return re.compile(":".join(_segment(pattern, text, segments) for text in segments))


def _segment(pattern: str, text: str, segments: list[str]) -> str:
    if placeholder := _PLACEHOLDER.fullmatch(text):
        if segments.count(text) > 1:
            raise ConfigError(f"channel pattern {pattern!r}: {text} stands there twice")
        return f"(?P<{placeholder[1]}>[^:]+)"
    if text == "*" and text is segments[-1] and segments.count("*") == 1:
        return ".+"
    if is_name(text):
        return re.escape(text)
    raise ConfigError(
        f"channel pattern {pattern!r}: {text!r} is neither a name, a {{placeholder}}, "
        "nor a '*' at the end"
    )
