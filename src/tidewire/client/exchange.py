"""Exchange: commands of one connection and their answers, no more at once than may wait. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, TypeAlias

from tidewire.client.outgoing import Outgoing
from tidewire.client.reading import Page
from tidewire.messages import Event, Failure, Published

Answer: TypeAlias = Event | Page
OnAnswer: TypeAlias = Callable[[Answer | None], None]
"""Called once: with the answer, or with None where the connection was lost before it."""

UNANSWERED = 64
"""Until the server has said how many commands may wait for their answer."""


class Exchange:
    """One connection's. ``write`` puts a command on the wire."""

    def __init__(self, write: Callable[[dict[str, Any]], None], outgoing: Outgoing) -> None:
        self.limit = UNANSWERED
        self.user_id = ""
        self._write = write
        self._outgoing = outgoing
        self._next_id = 0
        self._waiting: deque[tuple[dict[str, Any], OnAnswer]] = deque()
        self._unanswered: dict[int, OnAnswer] = {}

    @property
    def is_waiting(self) -> bool:
        """Whether an answer is on its way."""
        return bool(self._unanswered) or self._outgoing.in_flight > 0

    def ask(self, command: dict[str, Any], on_answer: OnAnswer) -> None:
        """Send ``command`` as soon as it may be; questions go before publications."""
        self._waiting.append((command, on_answer))
        self.pump()

    def pump(self) -> None:
        """Send what may be sent."""
        while self._has_room and self._waiting:
            command, on_answer = self._waiting.popleft()
            self._next_id += 1
            self._unanswered[self._next_id] = on_answer
            self._write({**command, "id": self._next_id})
        while self._has_room and self.user_id:
            publish = self._outgoing.next(self._next_id + 1, self.user_id)
            if publish is None:
                return
            self._next_id += 1
            self._write(publish)

    @property
    def _has_room(self) -> bool:
        return len(self._unanswered) + self._outgoing.in_flight < self.limit

    def answered(self, command_id: object, answer: Answer) -> None:
        """Hand an answer to whoever asked, and send what waited for its place."""
        if not isinstance(command_id, int):
            return
        on_answer = self._unanswered.pop(command_id, None)
        if on_answer is not None:
            on_answer(answer)
        elif isinstance(answer, Published | Failure):
            self._outgoing.answered(command_id, answer)
        self.pump()

    def lost(self) -> None:
        """The connection is gone: whoever waits is told, publications wait for the next one."""
        self._outgoing.lost()
        left = [*self._unanswered.values(), *(on_answer for _, on_answer in self._waiting)]
        self._unanswered.clear()
        self._waiting.clear()
        for on_answer in left:
            on_answer(None)
