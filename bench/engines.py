"""The engines by themselves: publications acknowledged per second, and how long each took.

``python -m bench.engines``. A closed loop, as clients that wait for their answers make it:
so many publications are in flight, and each that is acknowledged is followed by another,
with the next turn of the event loop. Histories hold as much as is in flight, so that
everything is really written; those of few channels are full, and each new entry makes an
old one leave. The database is in ``.cache/bench``, on the disk the repository is on.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import uvloop

from bench.prepare import CACHE
from bench.report import engine_table
from bench.results import EngineSample
from tidewire.channels.options import ChannelOptions
from tidewire.clock import SystemClock
from tidewire.engines.base import Engine, Receipt
from tidewire.engines.memory import MemoryEngine
from tidewire.engines.sqlite import SqliteEngine
from tidewire.messages import Publication, Signal
from tidewire.security.ids import TagSource, readable_id

WARM_UP_S, MEASURED_S = 1.0, 4.0

OPTIONS = ChannelOptions(history_size=1_000, history_ttl_s=300)
DATA = '{"text":"a chat message of the usual length, give or take a few words"}'


@dataclass(frozen=True)
class Load:
    """So many publications in flight, spread evenly over so many channels."""

    engine: str
    in_flight: int
    channels: int


LOADS = (
    Load("memory", 1_000, 1),
    Load("memory", 1_000, 1_000),
    Load("sqlite", 1, 1),
    Load("sqlite", 100, 1),
    Load("sqlite", 1_000, 1),
    Load("sqlite", 1_000, 1_000),
    Load("sqlite", 5_000, 100),
)


class Publisher:
    """Keeps a load on an engine, and notes how long each publication took."""

    def __init__(self, engine: Engine, load: Load) -> None:
        self._engine = engine
        self._channels = [f"room:{number}" for number in range(load.channels)]
        self._load = load
        self._due = 0
        self._next = 0
        self._loop = asyncio.get_running_loop()
        self.took_s: list[float] = []
        self.batches = 0

    def start(self) -> None:
        self._engine.start(self)
        self._publish_again(self._load.in_flight)

    def _publish_again(self, count: int) -> None:
        if not self._due:
            self._loop.call_soon(self._publish)
        self._due += count

    def _publish(self) -> None:
        count, self._due = self._due, 0
        channels, now = self._channels, time.perf_counter()
        for _ in range(count):
            channel = channels[self._next % len(channels)]
            self._next += 1
            entry = Publication(channel, 0, "", 0, "ann", "c1", DATA)
            self._engine.submit(entry, OPTIONS, Receipt(channel, now, 1))
        self._engine.drain()

    def applied(self, channel: str, entries: Sequence[Publication]) -> None:
        pass

    def signalled(self, channel: str, signals: Sequence[Signal]) -> None:
        pass

    def settled(self, receipts: Sequence[Receipt]) -> None:
        now = time.perf_counter()
        self.batches += 1
        self.took_s.extend(now - each.sender for each in receipts)
        self._publish_again(len(receipts))

    def forget(self) -> None:
        self.took_s.clear()
        self.batches = 0


def _memory(folder: Path) -> Engine:
    return MemoryEngine(SystemClock(), lambda: readable_id(8), TagSource().take)


def _sqlite(folder: Path) -> Engine:
    tags = TagSource().take
    return SqliteEngine(folder / "history.db", SystemClock(), lambda: readable_id(8), tags)


ENGINES: dict[str, Callable[[Path], Engine]] = {"memory": _memory, "sqlite": _sqlite}


async def _measure(load: Load, scale: float) -> EngineSample:
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        engine = ENGINES[load.engine](Path(folder))
        publisher = Publisher(engine, load)
        publisher.start()
        await asyncio.sleep(WARM_UP_S * scale)
        publisher.forget()
        cpu_s, began = time.process_time(), time.perf_counter()
        await asyncio.sleep(MEASURED_S * scale)
        took_s = sorted(publisher.took_s)
        elapsed_s, used_s = time.perf_counter() - began, time.process_time() - cpu_s
        batches = publisher.batches
        await engine.stop()
    return EngineSample(
        engine=load.engine,
        in_flight=load.in_flight,
        channels=load.channels,
        per_s=len(took_s) / elapsed_s,
        batch=len(took_s) / max(1, batches),
        p50_ms=took_s[len(took_s) // 2] * 1_000,
        p99_ms=took_s[len(took_s) * 99 // 100] * 1_000,
        cpu_us=used_s / len(took_s) * 1e6,
    )


def measure(scale: float = 1.0) -> list[EngineSample]:
    """Every load once, each on an event loop of its own."""
    return [uvloop.run(_measure(load, scale)) for load in LOADS]


@click.command()
def main() -> None:
    """Measure the engines by themselves, and print a table."""
    click.echo(engine_table(measure()))


if __name__ == "__main__":
    main()
