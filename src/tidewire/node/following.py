"""Following: system channels, which the node itself reads and no client can name.

Their names begin with ``$``, which the grammar of channels lacks, and their options are given in
code: revocations, say, that every node has to know of.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from tidewire.channels.options import ChannelOptions
from tidewire.engines.base import Engine, Snapshot
from tidewire.messages import Position, Publication

SYSTEM_PREFIX = "$"

OnEntries: TypeAlias = Callable[[Sequence[Publication]], None]
"""Told of a system channel's next entries. Called in the event loop; must not raise."""


class Followers:
    """Which system channels this node reads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._told: dict[str, OnEntries] = {}

    async def follow(
        self, channel: str, options: ChannelOptions, on_entries: OnEntries
    ) -> Snapshot:
        """The channel's latest entry of each key; ``on_entries`` is told of all that follow.

        No hole and no duplicate lies between the two. Raises ``EngineUnavailable``: then
        nothing is followed.
        """
        if not channel.startswith(SYSTEM_PREFIX):
            raise ValueError(f"a system channel's name begins with {SYSTEM_PREFIX}")
        meanwhile: list[Publication] = []
        self._told[channel] = meanwhile.extend
        try:
            await self._engine.open(channel, options)
            snapshot = await self._engine.snapshot(channel, options)
        except BaseException:
            del self._told[channel]
            raise
        self._told[channel] = on_entries
        return _with_tail(snapshot, meanwhile)

    def applied(self, channel: str, entries: Sequence[Publication]) -> None:
        told = self._told.get(channel)
        if told is not None:
            told(entries)


def _with_tail(snapshot: Snapshot, meanwhile: list[Publication]) -> Snapshot:
    """Behind the snapshot, whatever was published while it was read."""
    tail = [entry for entry in meanwhile if entry.seq > snapshot.head.seq]
    if not tail:
        return snapshot
    head = Position(snapshot.head.epoch, tail[-1].seq, tail[-1].tag)
    return Snapshot(head, [*snapshot.entries, *tail])
