"""An engine that answers when a test lets it: the same log as ours, behind gates."""

from __future__ import annotations

from collections import deque
from typing import Any

from tests.support.loops import Gate
from tidewire.channels.options import ChannelOptions
from tidewire.engines.base import Page, Query, Snapshot
from tidewire.engines.memory import MemoryEngine
from tidewire.messages import Position


class SlowEngine(MemoryEngine):
    """``open``, ``read`` and ``snapshot`` wait twice: on the way to the log, and on the way back.

    Between the two the log has been read, and may go on growing: what a far engine does.
    Gates are handed out in ``waiting``, in the order they are come upon; while ``is_slow`` is
    false everything is answered at once.
    """

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self.is_slow = False
        self.waiting: deque[Gate] = deque()

    async def open(self, channel: str, options: ChannelOptions) -> Position:
        await self._far()
        position = await super().open(channel, options)
        try:
            await self._far()
        except BaseException:
            self.close(channel)
            raise
        # What was handed over meanwhile was nobody's: the answer is where the next one follows.
        if self.is_slow:
            return (await super().read(channel, options, Query(limit=1))).head
        return position

    async def read(self, channel: str, options: ChannelOptions, query: Query) -> Page:
        await self._far()
        page = await super().read(channel, options, query)
        await self._far()
        return page

    async def snapshot(self, channel: str, options: ChannelOptions) -> Snapshot:
        await self._far()
        snapshot = await super().snapshot(channel, options)
        await self._far()
        return snapshot

    async def _far(self) -> None:
        if self.is_slow:
            gate = Gate()
            self.waiting.append(gate)
            await gate
