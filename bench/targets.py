"""What Tidewire promises about its speed, and whether a run kept it."""

from __future__ import annotations

from dataclasses import dataclass

from bench.results import Results

MEMORY_IS_BACK_KIB = 2_048
"""Growth over 100,000 connects that counts as none: 20 bytes a connect, less than any object
left behind would be."""


DURABLE_PER_S = 20_000
"""Acknowledged publications through SQLite, each on the disk: what one room of a busy site says."""


@dataclass(frozen=True)
class Target:
    """``limit`` bounds the figure itself, or its ratio to ``against`` where that is given."""

    promise: str
    workload: str
    figure: str
    limit: float
    against: str | None = None
    unit: str = "x"

    def measured(self, results: Results) -> float | None:
        if self.against:
            return results.ratio(self.workload, self.figure, "tidewire", self.against)
        spread = results.spread(self.workload, "tidewire", self.figure)
        return None if spread is None else spread.median


@dataclass(frozen=True)
class Verdict:
    target: Target
    measured: float | None

    @property
    def is_met(self) -> bool:
        return self.measured is not None and self.measured <= self.target.limit

    @property
    def in_words(self) -> str:
        if self.measured is None:
            return "not measured"
        share = self.measured / self.target.limit - 1
        return f"met, {-share:.0%} to spare" if self.is_met else f"**missed by {share:.0%}**"


def _ratio(workload: str, against: str, limit: float, promise: str) -> Target:
    return Target(promise, workload, "cpu_us", limit, against)


TARGETS = (
    _ratio("busy-room", "bun", 0.7, "busy room: at most 0.7x Bun's CPU per delivery"),
    _ratio("busy-room", "centrifuge", 1 / 5, "busy room: 5x better than Centrifuge"),
    _ratio("busy-room", "ws", 1 / 20, "busy room: 20x better than `ws`"),
    _ratio("busy-room-answered", "bun", 1.0, "busy room, all answered: at most 1.0x Bun's CPU"),
    _ratio("subscribers-500", "bun", 1.1, "500 subscribers: at most 1.1x Bun's CPU"),
    _ratio("subscribers-500", "centrifuge", 1 / 5, "500 subscribers: 5x better than Centrifuge"),
    _ratio("subscribers-500", "ws", 1 / 20, "500 subscribers: 20x better than `ws`"),
    _ratio("one-at-a-time", "bun", 1.3, "one message at a time: at most 1.3x Bun's CPU"),
    _ratio("own-pipeline", "bun", 1.15, "one client to itself: at most 1.15x Bun's CPU"),
    Target("ping beside a room of 9,000: p99 10 ms", "flush-ping", "p99_ms", 10, unit="ms"),
    Target("idle: 3 KiB each", "idle-10000", "kib_per_connection", 3, unit="KiB"),
    Target("idle over TLS: 32 KiB each", "idle-tls", "kib_per_connection", 32, unit="KiB"),
    Target("connect with JWT: 0.25 ms", "connect-storm", "cpu_ms_per_connect", 0.25, unit="ms"),
    Target(
        "memory is back after 100,000 connects", "churn", "growth_kib", MEMORY_IS_BACK_KIB, None,
        "KiB",
    ),
)  # fmt: skip


def verdicts(results: Results) -> list[Verdict]:
    return [Verdict(target, target.measured(results)) for target in TARGETS]
