"""JWKS: the issuer's keys, fetched from the one address that was configured.

Read at the start, again every quarter of an hour, and when a token names a key
nobody here has, which is how an issuer's new key is noticed. A token decides at
most *that* it is read, never from where (catalogue 23), and not often. Whatever
fails later leaves the keys in force as they are.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from tidewire.clock import Clock
from tidewire.errors import ConfigError, StartFailed
from tidewire.security.keys import KeySet

logger = logging.getLogger("tidewire.jwks")

RENEW_S = 15 * 60.0
"""How long a key that the issuer withdrew is still believed. Issuers rotate by the day."""

LEAST_PAUSE_S = 10.0
"""Between two fetches for unknown key ids: anybody can invent one, and makes us ask this often."""

Fetch: TypeAlias = Callable[[], Awaitable[KeySet]]


class RemoteKeys:
    """Keeps the keys of one address fresh. ``take`` is handed each set that was read.

    ``take`` may raise ``ConfigError`` where a set cannot be used beside the others.
    """

    def __init__(self, fetch: Fetch, take: Callable[[KeySet], None], clock: Clock) -> None:
        self._fetch = fetch
        self._take = take
        self._clock = clock
        self._fetching: asyncio.Task[bool] | None = None
        self._fetched_at = float("-inf")

    async def start(self) -> None:
        """Read the keys for the first time. Raises ``StartFailed``: one sentence."""
        self._fetched_at = self._clock.monotonic()
        try:
            self._take(await self._fetch())
        except ConfigError as error:
            raise StartFailed(f"auth.jwks_url: {error}") from None

    async def keep_fresh(self) -> None:
        """Read them again and again; ends when it is cancelled."""
        while True:
            await asyncio.sleep(RENEW_S)
            await self._renew()

    async def renew_for_unknown_key(self) -> bool:
        """Read them again unless that was just done; whether it is worth looking again.

        Many may ask at once, and share one fetch. Cancelling one of them leaves it to the others.
        """
        if self._fetching is None and self._clock.monotonic() - self._fetched_at < LEAST_PAUSE_S:
            return False
        return await self._renew()

    async def _renew(self) -> bool:
        if self._fetching is None:
            self._fetched_at = self._clock.monotonic()
            self._fetching = asyncio.create_task(self._fetch_and_take())
            self._fetching.add_done_callback(self._done)
        return await asyncio.shield(self._fetching)

    def _done(self, _: asyncio.Task[bool]) -> None:
        self._fetching = None

    async def _fetch_and_take(self) -> bool:
        try:
            self._take(await self._fetch())
        except ConfigError as error:
            logger.warning("keys not renewed", extra={"reason": str(error)})
            return False
        except Exception:
            logger.exception("keys not renewed")
            return False
        logger.debug("keys renewed")
        return True
