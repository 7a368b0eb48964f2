"""The counters as Prometheus reads them."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from tidewire.counters import Counters
from tidewire.http.metrics import NodeCollector


def _samples(counters: Counters) -> dict[str, float]:
    registry = CollectorRegistry()
    registry.register(NodeCollector(counters, {"tidewire_depth": ("How deep.", lambda: 7.0)}))
    families = text_string_to_metric_families(generate_latest(registry).decode())
    return {
        "|".join([sample.name, *sample.labels.values()]): sample.value
        for family in families
        for sample in family.samples
    }


def test_what_was_counted_is_told() -> None:
    counters = Counters()
    counters.connections, counters.opened = 2, 5
    counters.closed[1001] = 3
    counters.refusals["unauthorized"] = 4
    samples = _samples(counters)
    assert samples["tidewire_connections"] == 2
    assert samples["tidewire_connections_opened_total"] == 5
    assert samples["tidewire_connections_closed_total|1001"] == 3
    assert samples["tidewire_handshakes_refused_total|unauthorized"] == 4
    assert samples["tidewire_depth"] == 7


def test_a_histograms_buckets_hold_everything_up_to_their_bound() -> None:
    counters = Counters()
    for seconds in (0.0, 0.000_003, 0.5, 3600.0):
        counters.publish_latency.observe(seconds)
    samples = _samples(counters)
    name = "tidewire_publish_duration_seconds"
    buckets = [value for key, value in samples.items() if key.startswith(f"{name}_bucket")]
    assert buckets == sorted(buckets)
    assert samples[f"{name}_bucket|+Inf"] == samples[f"{name}_count"] == 4
    assert samples[f"{name}_bucket|4e-06"] == 2
    assert samples[f"{name}_sum"] == 3600.500_003


def test_counting_goes_on_between_two_scrapes() -> None:
    counters = Counters()
    before = _samples(counters)["tidewire_publications_total"]
    counters.publications += 3
    assert _samples(counters)["tidewire_publications_total"] == before + 3
