"""Answers: what a client is told when a command fails, and commands that may wait."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias

from msgspec import UNSET, UnsetType

from tidewire.counters import Counters
from tidewire.errors import CommandRefused, EngineUnavailable
from tidewire.messages import Failure
from tidewire.node.peer import CommandKey, Peer
from tidewire.tick import Tick
from tidewire.websocket import close_codes

logger = logging.getLogger("tidewire.node")

UseCase: TypeAlias = Callable[[], Coroutine[Any, Any, None]]
"""A command that may wait: not begun before its turn, so that cancelling it then leaves nothing."""

STRIKES = {
    "malformed": close_codes.POLICY_VIOLATION,
    "too_large": close_codes.POLICY_VIOLATION,
    "rate_limited": close_codes.TOO_MANY_MESSAGES,
}
"""What a well-meaning client does now and then, a broken or hostile one all the time; and the code
it is closed with: who was only too fast may come back, who cannot speak need not."""


class Answers:
    """Tells clients what went wrong; the same words whatever it was that failed."""

    def __init__(self, counters: Counters, tick: Tick) -> None:
        self._counters = counters
        self._tick = tick

    def refuse(
        self,
        peer: Peer,
        key: CommandKey,
        refusal: CommandRefused,
        *,
        channel: str | UnsetType = UNSET,
    ) -> None:
        """Answer the command ``key``, or one of its channels; close who does it all the time."""
        counters, named = self._counters, "" if channel is UNSET else channel
        counters.rejected[refusal.code] += 1
        counters.traffic.error(peer.session.user.id, named, peer.limited_ip or "")
        wait_s = refusal.retry_after_s
        peer.send(
            Failure(
                id=key,
                code=refusal.code,
                message=str(refusal),
                retry_after=UNSET if wait_s is None else math.ceil(wait_s * 1000) / 1000,
                channel=channel,
            )
        )
        too_many = STRIKES.get(refusal.code)
        if too_many is not None and peer.session.strike(self._tick.now):
            peer.close(too_many)

    def run(self, peer: Peer, key: CommandKey, use_case: UseCase) -> None:
        """Run a command that may wait; the client's next one is read after it."""
        peer.run(self._guard(peer, key, use_case))

    async def _guard(self, peer: Peer, key: CommandKey, use_case: UseCase) -> None:
        try:
            await use_case()
        except Exception as error:
            self.refuse(peer, key, refusal_of(error))


def refusal_of(error: Exception) -> CommandRefused:
    """What a client is told of ``error``; what is our own fault is logged with its cause."""
    if isinstance(error, CommandRefused):
        return error
    if isinstance(error, EngineUnavailable):
        logger.warning("the engine is unavailable", exc_info=error)
        return CommandRefused("unavailable", "try again later", retry_after_s=1)
    logger.error("a command failed", exc_info=error)
    return CommandRefused("internal", "internal error")
