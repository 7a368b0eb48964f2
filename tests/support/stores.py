"""A SQLite engine's file, in several lives of the process that has it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

from tidewire.clock import Clock
from tidewire.engines.sqlite import SqliteEngine, SqliteLimits
from tidewire.testing.clock import FakeClock
from tidewire.testing.engine_contract import Stand

_lives, _steps = count(1), count(1)


def sqlite_engine(
    path: Path, clock: Clock | None = None, limits: SqliteLimits | None = None
) -> SqliteEngine:
    """An engine on a clock that stands still. Its epochs and tags are its own, as any process's."""
    life, epochs, tags = next(_lives), count(1), count(1)
    return SqliteEngine(
        path,
        clock or FakeClock(),
        lambda: f"life{life}-e{next(epochs)}",
        lambda number: [f"life{life}-t{next(tags)}" for _ in range(number)],
        limits,
    )


@asynccontextmanager
async def life(
    path: Path, clock: Clock | None = None, limits: SqliteLimits | None = None
) -> AsyncIterator[Stand]:
    """The engine from its start to its stop."""
    stand = Stand(sqlite_engine(path, clock, limits))
    try:
        yield stand
    finally:
        await stand.engine.stop()


async def swept(stand: Stand) -> None:
    """Sweep one step, and wait until that has been done: what is asked after it comes after it."""
    stand.engine.sweep()
    await stand.engine.lease(f"after step {next(_steps)}", "nobody", 1)
