"""The engines' benchmark runs, and its figures are of what it says."""

from __future__ import annotations

import pytest

from bench import engines
from bench.engines import Load


@pytest.mark.parametrize("name", ["memory", "sqlite"])
def test_every_engine_can_be_measured(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "LOADS", (Load(name, 10, 3),))
    (sample,) = engines.measure(scale=0.05)
    assert (sample.engine, sample.in_flight, sample.channels) == (name, 10, 3)
    assert 0 < sample.p50_ms <= sample.p99_ms
    assert 1 <= sample.batch <= 10
    assert sample.per_s > 0
