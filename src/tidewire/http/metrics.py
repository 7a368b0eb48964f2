"""Metrics: the node's plain counters, told the way Prometheus asks.

Counting costs an addition; everything dear happens here, once per scrape. No
label ever carries a channel or a user.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.metadata import version

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from tidewire.counters import Counters, Latency


class NodeCollector(Collector):
    """Reads the counters when it is asked to; ``gauges`` are read then, too."""

    def __init__(
        self, counters: Counters, gauges: dict[str, tuple[str, Callable[[], float]]]
    ) -> None:
        self._counters = counters
        self._gauges = gauges

    def collect(self) -> Iterator[Metric]:
        counters = self._counters
        yield GaugeMetricFamily(
            "tidewire_connections", "Open connections.", value=counters.connections
        )
        yield from self._totals()
        yield _labelled(
            "tidewire_connections_closed", "Connections closed, by close code.", "code",
            {str(code): count for code, count in counters.closed.items()},
        )  # fmt: skip
        yield _labelled(
            "tidewire_handshakes_refused", "Upgrades refused before the 101, by reason.", "reason",
            counters.refusals,
        )  # fmt: skip
        yield _labelled(
            "tidewire_commands_refused", "Commands answered with an error, by its code.", "code",
            counters.rejected,
        )  # fmt: skip
        yield self._api_calls()
        yield _histogram(
            "tidewire_publish_duration_seconds",
            "From the arrival of a publication to the write to its subscribers.",
            counters.publish_latency,
        )
        for name, (text, read) in self._gauges.items():
            yield GaugeMetricFamily(name, text, value=read())
        yield _build_info()

    def _api_calls(self) -> Metric:
        family = CounterMetricFamily(
            "tidewire_api_calls", "Calls of the HTTP API, by outcome.", labels=["method", "code"]
        )
        for (method, code), count in self._counters.api_calls.items():
            family.add_metric([method, code], count)
        return family

    def _totals(self) -> Iterator[Metric]:
        counters = self._counters
        for name, text, value in (
            ("tidewire_connections_opened", "Connections opened.", counters.opened),
            ("tidewire_messages_received", "Messages from clients.", counters.received),
            ("tidewire_messages_delivered", "Messages to clients.", counters.delivered),
            ("tidewire_publications", "Publications accepted.", counters.publications),
            ("tidewire_received_bytes", "Bytes from clients.", counters.bytes_received),
            ("tidewire_sent_bytes", "Bytes to clients.", counters.bytes_sent),
            ("tidewire_slow_readers", "Closed for reading too slowly.", counters.slow_readers),
        ):
            yield CounterMetricFamily(name, text, value=value)
        yield GaugeMetricFamily(
            "tidewire_outbox_bytes", "Bytes queued for slow readers.", value=counters.queue_bytes
        )


def _labelled(name: str, text: str, label: str, counts: dict[str, int]) -> Metric:
    family = CounterMetricFamily(name, text, labels=[label])
    for value, count in counts.items():
        family.add_metric([value], count)
    return family


def _histogram(name: str, text: str, latency: Latency) -> Metric:
    """Cumulative buckets at powers of two of a microsecond."""
    total = 0
    buckets: list[tuple[str, float]] = []
    for exponent, count in enumerate(latency.buckets[:-1]):
        total += count
        buckets.append((repr(2**exponent / 1e6), total))
    buckets.append(("+Inf", total + latency.buckets[-1]))
    family = HistogramMetricFamily(name, text)
    family.add_metric([], buckets, latency.total_s)
    return family


def _build_info() -> Metric:
    family = GaugeMetricFamily("tidewire_build_info", "The running version.", labels=["version"])
    family.add_metric([version("tidewire")], 1)
    return family
