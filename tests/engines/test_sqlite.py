"""The SQLite engine: the contract of every engine."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest

from tidewire.engines.base import Engine
from tidewire.engines.sqlite import SqliteEngine, SqliteLimits
from tidewire.testing.clock import FakeClock
from tidewire.testing.engine_contract import EngineContract


def sqlite_engine(
    path: Path, clock: FakeClock | None = None, limits: SqliteLimits | None = None
) -> SqliteEngine:
    """An engine on a clock that stands still; its epochs and tags are its own, as any process's."""
    epochs, tags = count(1), count(1)
    life = id(epochs)
    return SqliteEngine(
        path,
        clock or FakeClock(),
        lambda: f"{life}-e{next(epochs)}",
        lambda number: [f"{life}-t{next(tags)}" for _ in range(number)],
        limits,
    )


class TestContract(EngineContract):
    @pytest.fixture(autouse=True)
    def _somewhere(self, tmp_path: Path) -> None:
        self.path = tmp_path / "history.db"
        self.clock = FakeClock()

    def make_engine(self) -> Engine:
        return sqlite_engine(self.path, self.clock)

    def now_s(self) -> float:
        return self.clock.time()

    def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)
