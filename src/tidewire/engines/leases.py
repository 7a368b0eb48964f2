"""Leases: who is the only one to do something, until when. Every engine of one process keeps
them so, and makes the tokens itself."""

from __future__ import annotations

from msgspec import Struct

from tidewire.clock import Clock
from tidewire.errors import EngineUnavailable

MAX_LEASES = 10_000
"""Held at a time: two megabytes. One for each room that ticks; more are a loop gone wrong."""


class Lease(Struct, frozen=True):
    """The right of ``holder`` to be the only one to do what ``name`` says, for ``ttl_s`` from now.

    ``token`` rises with every new holder of the name and survives what the engine's
    data survives: whoever writes with a lower one has lost the lease (a "fencing
    token", Kleppmann 2016).
    """

    name: str
    holder: str
    token: int
    ttl_s: float


class Leases:
    """The leases that are held now, by the clock that never jumps."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._held: dict[str, tuple[Lease, float]] = {}

    def held(self, name: str) -> Lease | None:
        lease, end = self._held.get(name, (None, 0.0))
        return lease if end > self._clock.monotonic() else None

    def grant(self, lease: Lease) -> Lease:
        """From now on ``lease`` is the one for its name. Raises ``EngineUnavailable``."""
        if lease.name not in self._held and len(self._held) >= MAX_LEASES:
            self.sweep()
            if len(self._held) >= MAX_LEASES:
                raise EngineUnavailable(f"{MAX_LEASES} leases are held")
        self._held[lease.name] = lease, self._clock.monotonic() + lease.ttl_s
        return lease

    def renew(self, lease: Lease, ttl_s: float) -> Lease:
        """The same holder's, as new."""
        return self.grant(Lease(lease.name, lease.holder, lease.token, ttl_s))

    def release(self, lease: Lease) -> None:
        held = self.held(lease.name)
        if held is not None and held.token == lease.token:
            del self._held[lease.name]

    def sweep(self) -> None:
        """Forget those that have ended."""
        now = self._clock.monotonic()
        self._held = {name: each for name, each in self._held.items() if each[1] > now}
