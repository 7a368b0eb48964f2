"""Engines: who orders publications and keeps the recent ones."""

from tidewire.engines.base import Engine, Sink, Submission
from tidewire.engines.memory import MemoryEngine

__all__ = ["Engine", "MemoryEngine", "Sink", "Submission"]
