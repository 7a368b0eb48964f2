"""Tally: what one process counted, or all of them together. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, fields

from tidewire.load.histogram import Histogram


@dataclass
class Tally:
    """Counts, and how long things took.

    ``delivery`` and ``acknowledgement`` are measured from when a message was due to be
    sent, not from when it was: a server (or a generator) that is stuck for a second
    delays all that was due meanwhile, and all of that is counted.
    """

    subscribers: int = 0
    """Connected at the start."""
    sent: int = 0
    acknowledged: int = 0
    delivered: int = 0
    recovered: int = 0
    gaps: int = 0
    skips: int = 0
    lost_connections: int = 0
    failed_connects: int = 0
    refusals: Counter[str] = field(default_factory=Counter)
    """Publications that were refused, by code."""
    delivery: Histogram = field(default_factory=Histogram)
    acknowledgement: Histogram = field(default_factory=Histogram)
    connecting: Histogram = field(default_factory=Histogram)
    returning: Histogram = field(default_factory=Histogram)
    """From a lost connection to the subscription's answer on the next."""
    lateness: Histogram = field(default_factory=Histogram)
    """How much later than due the generator itself sent."""

    @property
    def undelivered(self) -> int:
        """Of what was acknowledged, for all who were subscribed at the start."""
        return max(0, self.acknowledged * self.subscribers - self.delivered - self.recovered)

    def merge(self, other: Tally) -> None:
        for each in fields(self):
            own, more = getattr(self, each.name), getattr(other, each.name)
            if isinstance(own, Histogram):
                own.merge(more)
            else:
                setattr(self, each.name, own + more)
