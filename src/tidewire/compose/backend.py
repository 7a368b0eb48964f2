"""The side for backends: the HTTP API, and what is revoked through it."""

from __future__ import annotations

from tidewire.clock import Clock
from tidewire.config import Settings
from tidewire.counters import Counters
from tidewire.http import openapi
from tidewire.http.backend import Backend
from tidewire.http.endpoint import ApiEndpoint
from tidewire.http.guard import Guard
from tidewire.http.people import People
from tidewire.http.publishing import Publishing
from tidewire.http.reading import Reading
from tidewire.node.core import Node
from tidewire.node.revocations import RevocationBook
from tidewire.security.api_keys import ApiKeys
from tidewire.security.revocation import Revocations


class BackendSide:
    """Its parts. ``revocations`` are the same that the door and the grants ask."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        node: Node,
        counters: Counters,
        revocations: Revocations,
    ) -> None:
        self._clock = clock
        self._counters = counters
        self.book = RevocationBook(node, revocations, clock, settings.api.revocation_ttl_s)
        self._guard = Guard(ApiKeys(settings.api.keys), clock.monotonic)
        self._publishing = Publishing(node, clock, settings.limits.message_bytes)
        reading = Reading(node, counters.traffic, clock)
        backend = Backend(self._publishing, reading, People(node, self.book))
        self.endpoint = ApiEndpoint(backend, self._guard, counters, openapi.encoded())

    async def start(self) -> None:
        """Raises ``EngineUnavailable``."""
        await self.book.start()

    def sweep(self) -> None:
        """Called about once a second."""
        self.book.sweep()
        self._counters.traffic.turn(self._clock.monotonic())

    def set_limits(self, settings: Settings) -> None:
        self._publishing.max_bytes = settings.limits.message_bytes

    def take_keys(self, settings: Settings) -> None:
        """From now on these keys, and no others. Raises ``ConfigError``, and changes nothing."""
        self._guard.keys = ApiKeys(settings.api.keys)
