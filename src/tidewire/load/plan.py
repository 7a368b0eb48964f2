"""Plan: what a load test does, and each process's share of it. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

LEAST_PAYLOAD_BYTES = 64
"""A message carries when it was due, and whose it is."""


class Plan(Struct, frozen=True, kw_only=True):
    """``connections`` in all, publishers among them; ``rate`` is messages per second, in all."""

    url: str
    token: str | None
    channel: str
    run: str
    connections: int
    publishers: int
    rate: float
    payload_bytes: int
    for_s: float
    storm: bool
    processes: int

    @property
    def subscribers(self) -> int:
        return self.connections - self.publishers

    def subscribers_of(self, process: int) -> int:
        """How many of them this process connects."""
        return len(range(process, self.subscribers, self.processes))

    def publishers_of(self, process: int) -> range:
        """Which of them this process connects, by number."""
        return range(process, self.publishers, self.processes)

    def due_us(self, publisher: int) -> Iterator[int]:
        """When this publisher's messages are due, from the start on: evenly, whatever happens.

        Publishers take turns, so that all together are as even as one would be.
        """
        total = int(self.rate * self.for_s)
        for number in range(publisher, total, self.publishers):
            yield int(number * 1e6 / self.rate)

    def data(self, at_us: int) -> dict[str, object]:
        """A message that was due at ``at_us``, as long as planned."""
        bare = {"run": self.run, "at": at_us}
        overhead = len(f'{{"run":"{self.run}","at":{at_us},"padding":""}}')
        return {**bare, "padding": "x" * max(0, self.payload_bytes - overhead)}
