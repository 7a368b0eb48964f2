"""Engines: who orders publications and keeps the recent ones."""

from tidewire.engines.base import Engine, Receipt, Sink
from tidewire.engines.memory import MemoryEngine

__all__ = ["Engine", "MemoryEngine", "Receipt", "Sink"]
