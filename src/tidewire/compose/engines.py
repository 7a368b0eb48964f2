"""The engine that is configured, made and not yet started."""

from __future__ import annotations

import sys

from tidewire.clock import Clock
from tidewire.config import Settings
from tidewire.engines.base import Engine
from tidewire.engines.memory import MemoryEngine, MemoryLimits
from tidewire.engines.sqlite import SqliteEngine, SqliteLimits
from tidewire.engines.urls import database_of
from tidewire.security.ids import TagSource, readable_id

EPOCH_LENGTH = 8

SWITCH_INTERVAL_S = 0.001
"""How long one thread may keep the interpreter from another. Beside a busy event loop the thread
that writes the database waits so long at each of its statements: with Python's 5 ms half of all
acknowledgements took 60 to 80 ms, with 1 ms 15 to 35, and the loop was no later for it."""


def configured_engine(settings: Settings, clock: Clock) -> Engine:
    """Where it has threads, the interpreter is set to switch between them sooner."""
    history, database = settings.history, database_of(settings.engine.url)
    if database is None:
        limits = MemoryLimits(history.total_entries, history.total_bytes)
        return MemoryEngine(clock, _new_epoch, TagSource().take, limits)
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    disk = SqliteLimits(settings.engine.disk_bytes)
    return SqliteEngine(database, clock, _new_epoch, TagSource().take, disk)


def _new_epoch() -> str:
    return readable_id(EPOCH_LENGTH)
