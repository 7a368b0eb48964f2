"""Idempotency keys in memory: which publications were accepted, and where they are."""

from __future__ import annotations

import math
from collections import OrderedDict

from tidewire.clock import Clock
from tidewire.messages import Position, Publication

ONCE_WINDOW_S = 300.0
MAX_ONCE_KEYS = 100_000
"""Remembered for five minutes, 20 MiB at most; then the oldest leave early."""


class OnceKeys:
    """The ``once`` keys of the last five minutes, each one channel's and one user's."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._keys: OrderedDict[tuple[str, str, str | None], tuple[float, Position]] = OrderedDict()

    def position(self, entry: Publication) -> Position | None:
        """Where the first with this entry's key is, if that is not too long ago."""
        moment, position = self._keys.get(_key(entry), (-math.inf, None))
        return None if moment <= self._horizon else position

    def remember(self, entry: Publication, position: Position) -> None:
        key = _key(entry)
        self._keys[key] = (self._clock.monotonic(), position)
        self._keys.move_to_end(key)
        if len(self._keys) > MAX_ONCE_KEYS:
            self._keys.popitem(last=False)

    def sweep(self) -> None:
        horizon = self._horizon
        while self._keys and next(iter(self._keys.values()))[0] <= horizon:
            self._keys.popitem(last=False)

    def clear(self) -> None:
        self._keys.clear()

    @property
    def _horizon(self) -> float:
        return self._clock.monotonic() - ONCE_WINDOW_S


def _key(entry: Publication) -> tuple[str, str, str | None]:
    return entry.channel, entry.user_id, entry.once
