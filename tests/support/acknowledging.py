"""A process that publishes until it is killed, and prints what was acknowledged.

``python -m tests.support.acknowledging FILE``: a line for each publication, its
position and its text, written only once the engine has accepted it.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from itertools import count
from pathlib import Path

from tidewire.channels.options import ChannelOptions
from tidewire.clock import SystemClock
from tidewire.engines.base import Receipt
from tidewire.engines.sqlite import SqliteEngine
from tidewire.messages import Publication, Signal
from tidewire.security.ids import TagSource, readable_id

OPTIONS = ChannelOptions(history_size=1_000_000, history_ttl_s=86_400, keeps_latest=True)
CHANNELS = ("one", "two", "three")
IN_FLIGHT = 200


class Acknowledging:
    """A sink that says what has been accepted, and publishes as much again."""

    def __init__(self, path: Path) -> None:
        self._engine = SqliteEngine(path, SystemClock(), lambda: readable_id(8), TagSource().take)
        self._numbers = count(1)

    def start(self) -> None:
        self._engine.start(self)
        self._publish(IN_FLIGHT)

    def _publish(self, number: int) -> None:
        for _ in range(number):
            number = next(self._numbers)
            channel, text = CHANNELS[number % 3], f"{os.getpid()}-{number}"
            entry = Publication(channel, 0, "", 0, "ann", "c1", text, key=str(number % 50))
            self._engine.submit(entry, OPTIONS, Receipt(channel, text, number))
        self._engine.drain()

    def applied(self, channel: str, entries: Sequence[Publication]) -> None:
        pass

    def signalled(self, channel: str, signals: Sequence[Signal]) -> None:
        pass

    def settled(self, receipts: Sequence[Receipt]) -> None:
        lines = (
            f"{each.channel} {each.position.epoch} {each.position.seq} {each.position.tag}"
            f" {each.sender}\n"
            for each in receipts
            if each.position is not None
        )
        os.write(sys.stdout.fileno(), "".join(lines).encode())
        self._publish(len(receipts))


async def main() -> None:
    Acknowledging(Path(sys.argv[1])).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
