"""The results of a run: samples, what was skipped, and their summary. Pure values.

``results.json`` is this module's ``Results`` as JSON; the report is made from
it and from nothing else, so that prose and numbers cannot disagree.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec


class Sample(msgspec.Struct, frozen=True):
    """One server under one workload in one round."""

    workload: str
    server: str
    round: int
    figures: dict[str, float]


class EngineSample(msgspec.Struct, frozen=True, kw_only=True):
    """One engine by itself, under one load of ``bench.engines``."""

    engine: str
    in_flight: int
    channels: int
    per_s: float
    batch: float
    p50_ms: float
    p99_ms: float
    cpu_us: float


class Skipped(msgspec.Struct, frozen=True):
    """What could not be measured, and why; ``workload`` is empty where none could."""

    server: str
    reason: str
    workload: str = ""


class Machine(msgspec.Struct, frozen=True):
    processor: str
    cores: int
    memory_gib: float
    system: str


class Results(msgspec.Struct, frozen=True, kw_only=True):
    """One run of the benchmark."""

    date: str
    commit: str
    machine: Machine
    rounds: int
    scale: float
    versions: dict[str, str]
    samples: list[Sample]
    skipped: list[Skipped]
    engines: list[EngineSample] = []

    def spread(self, workload: str, server: str, figure: str) -> Spread | None:
        """The figure over all rounds; none where this was not measured."""
        found = [
            sample.figures[figure]
            for sample in self.samples
            if (sample.workload, sample.server) == (workload, server) and figure in sample.figures
        ]
        return spread_of(found) if found else None

    def ratio(self, workload: str, figure: str, server: str, against: str) -> float | None:
        """One server's median by another's."""
        mine, other = (self.spread(workload, name, figure) for name in (server, against))
        if mine is None or other is None or other.median == 0:
            return None
        return mine.median / other.median


@dataclass(frozen=True)
class Spread:
    median: float
    least: float
    most: float


def spread_of(values: Iterable[float]) -> Spread:
    ordered = sorted(values)
    return Spread(statistics.median(ordered), ordered[0], ordered[-1])


def to_json(results: Results) -> bytes:
    return msgspec.json.format(msgspec.json.encode(results), indent=2) + b"\n"


def from_json(text: bytes) -> Results:
    return msgspec.json.decode(text, type=Results)
