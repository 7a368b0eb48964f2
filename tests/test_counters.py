"""What is counted, and the histogram of how long it took."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewire.counters import LATENCY_BUCKETS, Latency


@pytest.mark.parametrize(
    ("seconds", "bucket"),
    [
        (0, 0),
        (0.4e-6, 0),
        (1e-6, 1),
        (3e-6, 2),
        (1e-3, 10),
        (1, 20),
        (16.7, LATENCY_BUCKETS - 2),
        (17, LATENCY_BUCKETS - 1),
        (1e9, LATENCY_BUCKETS - 1),
    ],
)
def test_a_latency_falls_into_the_bucket_of_its_power_of_two(seconds: float, bucket: int) -> None:
    latency = Latency()
    latency.observe(seconds)
    assert latency.buckets[bucket] == 1


def test_a_clock_that_went_back_counts_as_no_time() -> None:
    latency = Latency()
    latency.observe(-1.0)
    assert latency.buckets[0] == 1


@given(st.lists(st.tuples(st.floats(0, 100), st.integers(1, 1000))))
def test_nothing_observed_is_lost_or_counted_twice(seen: list[tuple[float, int]]) -> None:
    latency = Latency()
    for seconds, count in seen:
        latency.observe(seconds, count)
    assert sum(latency.buckets) == sum(count for _, count in seen)
    assert latency.total_s == pytest.approx(sum(seconds * count for seconds, count in seen))
