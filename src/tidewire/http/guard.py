"""Guard: lets in who shows a configured API key, and slows down who shows others.

A right key is let in whatever strangers at the same address have done: behind a
shared address anybody could lock a backend out otherwise.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from tidewire.api.errors import ApiError
from tidewire.security.admission import ip_bucket
from tidewire.security.api_keys import ApiKeys
from tidewire.security.rates import KeyedRates, Rate

logger = logging.getLogger("tidewire.api")

FAILURES_PER_IP = Rate(0.2, 10)
"""A deploy with a wrong key is told so a few times; more would only fill the log."""

MAX_RATED = 10_000
"""Addresses whose failures are remembered; some 2 MiB when full."""

HEADERS = (b"x-api-key", b"authorization")


class Guard:
    """The API's door. ``keys`` may be replaced while running."""

    def __init__(self, keys: ApiKeys, monotonic: Callable[[], float]) -> None:
        self.keys = keys
        self._monotonic = monotonic
        self._failures = KeyedRates[str](FAILURES_PER_IP, MAX_RATED)

    @property
    def is_open(self) -> bool:
        """Whether there is an API at all: not without a key (catalogue 81)."""
        return bool(self.keys)

    def check(self, headers: Sequence[tuple[bytes, bytes]], ip: str) -> str:
        """The name of the key that was shown. Raises ``ApiError``; never logs the key."""
        name = next(filter(None, map(self.keys.name_of, _shown(headers))), None)
        if name is not None:
            return name
        wait_s = self._failures.take(ip_bucket(ip), self._monotonic())
        if wait_s:
            raise ApiError("rate_limited", "too many wrong keys", retry_after_s=round(wait_s, 3))
        logger.warning("wrong API key", extra={"peer": ip})
        raise ApiError("unauthorized", "show an API key: Authorization: Bearer, or X-API-Key")


def _shown(headers: Sequence[tuple[bytes, bytes]]) -> list[str]:
    """Every key in the request's headers, of which there is one as a rule."""
    found = []
    for header, value in headers:
        if header in HEADERS:
            text = value.decode("latin-1")
            scheme, _, rest = text.partition(" ")
            if header == b"x-api-key":
                found.append(text.strip())
            elif scheme.lower() == "bearer":
                found.append(rest.strip())
    return found
