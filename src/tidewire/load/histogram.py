"""Histogram: durations in fixed buckets, as HdrHistogram has them. Pure.

Each power of two is divided into 128 buckets of equal width, so a duration is known
to within 1/128 of itself (0.8 %), whether it is a microsecond or an hour, however many there
are: recording takes no memory, and two histograms are merged by adding. (Gil Tene,
http://hdrhistogram.org)
"""

from __future__ import annotations

SUB_BITS = 7
SUB_BUCKETS = 1 << SUB_BITS

MAX_US = (1 << 36) - 1
"""19 hours. What takes longer is counted as that; ``max_us`` has it exactly."""


def bucket_of(us: int) -> int:
    """Where a duration is counted; up to 255 µs each has a bucket of its own."""
    shift = max(0, us.bit_length() - SUB_BITS - 1)
    return shift * SUB_BUCKETS + (us >> shift)


def top_of(bucket: int) -> int:
    """The longest duration that is counted there."""
    shift = max(0, bucket // SUB_BUCKETS - 1)
    return ((bucket - shift * SUB_BUCKETS + 1) << shift) - 1


BUCKETS = bucket_of(MAX_US) + 1


class Histogram:
    """Durations in microseconds. The same size whatever was recorded."""

    __slots__ = ("_counts", "count", "max_us", "total_us")

    def __init__(self) -> None:
        self.count = 0
        self.total_us = 0
        self.max_us = 0
        self._counts = [0] * BUCKETS

    def record(self, us: int) -> None:
        """Below zero counts as zero: two clocks may disagree by a microsecond."""
        us = max(0, us)
        self.count += 1
        self.total_us += us
        self.max_us = max(self.max_us, us)
        self._counts[bucket_of(min(us, MAX_US))] += 1

    def merge(self, other: Histogram) -> None:
        self.count += other.count
        self.total_us += other.total_us
        self.max_us = max(self.max_us, other.max_us)
        self._counts = [own + more for own, more in zip(self._counts, other._counts, strict=True)]

    def percentile(self, percent: float) -> int:
        """What so many percent took at most: never less than it was, at most 0.8 % more.

        0 where nothing was recorded.
        """
        wanted, seen = self.count * percent / 100, 0
        for bucket, count in enumerate(self._counts):
            seen += count
            if seen and seen >= wanted:
                return min(top_of(bucket), self.max_us)
        return self.max_us

    @property
    def mean_us(self) -> float:
        return self.total_us / self.count if self.count else 0.0
