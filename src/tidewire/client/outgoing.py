"""Outgoing: publications on their way, and what truthfully became of each. Pure.

Kept while there is no connection, in order, bounded by number, bytes and age. Each has
a ``once`` key: after a broken connection it is sent again, and the server appends
it once. It ends as published, as refused (it is nowhere), or as unknown.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, TypeAlias

from msgspec import Struct

from tidewire.client.errors import ClientClosed, NotSent, OutcomeUnknown, QueueFull
from tidewire.errors import CommandRefused, TidewireError
from tidewire.messages import Failure, Position, Published

Outcome: TypeAlias = Position | TidewireError
"""``CommandRefused`` and ``NotSent``: it is nowhere; ``OutcomeUnknown``: it may be there."""

REPEAT_S = 0.5
"""Before what ended as unknown is sent again, where the server does not say."""

PASSING = frozenset(("rate_limited", "unavailable"))
"""Refusals that time heals."""

Settle: TypeAlias = Callable[[Outcome], None]


class QueueLimits(Struct, frozen=True):
    """How much may wait to be published.

    A server remembers a ``once`` key for five minutes: ``age_s`` stays well below, so
    that nothing is sent again after it has been forgotten.
    """

    count: int = 1_000
    size_bytes: int = 4 * 1024 * 1024
    age_s: float = 60.0

    def __post_init__(self) -> None:
        if not 0 < self.age_s <= 240:
            raise ValueError("age_s is above 0 and at most 240 seconds")


class Queued(Struct):
    """One publication. ``sent_as`` is the user it was sent as, empty before; it ``is_in_doubt``
    when it was sent once without being answered.
    """

    command: dict[str, Any]
    size_bytes: int
    since: float
    settle: Settle
    sent_as: str = ""
    is_in_doubt: bool = False


class Outgoing:
    """The queue. ``clock`` answers seconds from any origin."""

    def __init__(self, limits: QueueLimits, clock: Callable[[], float]) -> None:
        self._limits = limits
        self._clock = clock
        self._queued: deque[Queued] = deque()
        self._sent: dict[int, Queued] = {}
        self._bytes = 0
        self._paused_until = 0.0

    def __len__(self) -> int:
        return len(self._queued) + len(self._sent)

    @property
    def in_flight(self) -> int:
        """Sent on this connection, and not answered yet."""
        return len(self._sent)

    def add(self, command: dict[str, Any], size_bytes: int, settle: Settle) -> None:
        """Take a publish in. Raises ``QueueFull``; otherwise ``settle`` is called once, later."""
        if len(self) >= self._limits.count or self._bytes + size_bytes > self._limits.size_bytes:
            raise QueueFull("as many publications wait as may wait: nothing was sent")
        self._bytes += size_bytes
        self._queued.append(Queued(command, size_bytes, self._clock(), settle))

    def next(self, command_id: int, user_id: str) -> dict[str, Any] | None:
        """The command to send now, as ``user_id`` and under ``command_id``; None: nothing waits."""
        while self._queued and self._clock() >= self._paused_until:
            waiting = self._queued.popleft()
            if waiting.sent_as in ("", user_id):
                waiting.sent_as = user_id
                self._sent[command_id] = waiting
                return {**waiting.command, "id": command_id}
            # A guest who comes back is another user, whose once key would publish it again.
            self._end(waiting, OutcomeUnknown("no answer came, and the user is another now"))
        return None

    def answered(self, command_id: int, answer: Published | Failure) -> None:
        """What the server said about it."""
        waiting = self._sent.pop(command_id, None)
        if waiting is None:
            return
        if isinstance(answer, Published):
            self._end(waiting, Position(answer.epoch, answer.seq, answer.tag))
        elif answer.code == "unknown_outcome" or (waiting.is_in_doubt and answer.code in PASSING):
            self._repeat_later(waiting, answer)
        elif waiting.is_in_doubt:
            self._end(waiting, OutcomeUnknown(f"no answer came, then a refusal: {answer.message}"))
        else:
            self._end(waiting, refusal(answer))

    def _repeat_later(self, waiting: Queued, answer: Failure) -> None:
        wait_s = answer.retry_after if isinstance(answer.retry_after, float) else REPEAT_S
        waiting.is_in_doubt = True
        self._paused_until = self._clock() + wait_s
        self._queued.appendleft(waiting)

    def lost(self) -> None:
        """The connection is gone: what was not answered is sent again on the next, in order."""
        for waiting in self._sent.values():
            waiting.is_in_doubt = True
        self._queued.extendleft(reversed(self._sent.values()))
        self._sent.clear()

    def expire(self) -> None:
        """End what has waited too long."""
        ended = self._clock() - self._limits.age_s
        for command_id, waiting in list(self._sent.items()):
            if waiting.since <= ended:
                del self._sent[command_id]
                self._end(waiting, OutcomeUnknown("no answer came in time"))
        while self._queued and self._queued[0].since <= ended:
            waiting = self._queued.popleft()
            self._end(waiting, _given_up(waiting, NotSent("no connection in time")))

    def close(self, reason: ClientClosed) -> None:
        """End everything: nothing will be sent any more."""
        self.lost()
        while self._queued:
            waiting = self._queued.popleft()
            self._end(waiting, _given_up(waiting, NotSent(str(reason))))

    def _end(self, waiting: Queued, outcome: Outcome) -> None:
        self._bytes -= waiting.size_bytes
        waiting.settle(outcome)


def _given_up(waiting: Queued, never_sent: TidewireError) -> TidewireError:
    return OutcomeUnknown("no answer came") if waiting.sent_as else never_sent


def refusal(answer: Failure) -> CommandRefused:
    """An ``error`` answer as an exception."""
    wait_s = answer.retry_after if isinstance(answer.retry_after, float) else None
    return CommandRefused(answer.code, answer.message, retry_after_s=wait_s)
