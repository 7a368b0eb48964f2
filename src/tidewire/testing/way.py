"""The way to a deployment that its owner breaks meanwhile: unhurried, and hard to discourage."""

from __future__ import annotations

import asyncio
from random import Random

from tidewire.errors import HandshakeRefused, TidewireError
from tidewire.testing.client import ABNORMAL, Client, Disconnected, connect

OPEN_TIMEOUT_S = 10.0
"""For one try: a machine that is gone answers nothing, and the next try may find another."""

SILENCE_S = 60.0
"""A server pings who says nothing, unless configured otherwise every 25 s: whoever was not even
pinged twice over is talking to nobody."""

PAUSE_S = 1.0
"""After a try that failed, by chance up to this: a run's clients are no herd."""

NOT_WELCOME = (401, 403)
"""Refusals that no waiting changes. Every other is what proxies and servers say while they are
being restarted, 404 and 502 among them."""


class Way:
    """Opens connections for ``Recorder``: each call is one try."""

    def __init__(self, url: str, token: str | None, chance: Random) -> None:
        self.url = url
        self._token = token
        self._chance = chance

    async def open(self) -> Client:
        """A connection. Raises as ``testing.client.connect`` does."""
        return await connect(
            self.url, token=self._token, timeout_s=OPEN_TIMEOUT_S, silence_s=SILENCE_S
        )

    async def __call__(self) -> Client:
        """The same; raises ``Disconnected`` after a pause wherever a later try may succeed."""
        try:
            return await self.open()
        except HandshakeRefused as refusal:
            if refusal.status in NOT_WELCOME:
                raise
            why = str(refusal)
        except (OSError, TidewireError, asyncio.LimitOverrunError) as error:
            why = str(error)
        await asyncio.sleep(self._chance.uniform(0, PAUSE_S))
        raise Disconnected(ABNORMAL, why)
