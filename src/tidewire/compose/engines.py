"""The engine that is configured, made and not yet started."""

from __future__ import annotations

from tidewire.clock import Clock
from tidewire.config import Settings
from tidewire.engines.base import Engine
from tidewire.engines.memory import MemoryEngine, MemoryLimits
from tidewire.engines.sqlite import SqliteEngine, SqliteLimits
from tidewire.engines.urls import database_of
from tidewire.security.ids import TagSource, readable_id

EPOCH_LENGTH = 8


def configured_engine(settings: Settings, clock: Clock) -> Engine:
    history, database = settings.history, database_of(settings.engine.url)
    if database is None:
        limits = MemoryLimits(history.total_entries, history.total_bytes)
        return MemoryEngine(clock, _new_epoch, TagSource().take, limits)
    disk = SqliteLimits(settings.engine.disk_bytes)
    return SqliteEngine(database, clock, _new_epoch, TagSource().take, disk)


def _new_epoch() -> str:
    return readable_id(EPOCH_LENGTH)
