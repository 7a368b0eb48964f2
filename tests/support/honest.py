"""Histories an honest server could have made, out of any list of numbers.

A model, not a server: one channel's log, publishers whose calls end in every way,
and subscribers who are live, leave, recover, come too late, and are told what is
skipped. Each number decides one step, so that any list of them is a history.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from tidewire.messages import Position, Recovery
from tidewire.testing.history import (
    Acknowledged,
    Asked,
    Disconnected,
    Failed,
    Gapped,
    Invoked,
    Message,
    Operation,
    Received,
    Skipped,
    Subscribed,
    Unknown,
)

CHANNEL = "room"
NAMES = ("ann", "bob", "cid")


class HonestModel:
    """``step`` by ``step`` it writes ``history``."""

    def __init__(self) -> None:
        self.history: list[Operation] = []
        self._epoch = 1
        self._log: list[tuple[str, Message]] = []
        self._sent = 0
        self._places = {name: Position("", 0) for name in NAMES}
        self._live: set[str] = set()

    def step(self, choice: int) -> None:
        steps = (
            self._publish, self._deliver, self._deliver, self._publish, self._leave, self._join,
            self._join, self._publish_unknown, self._refuse, self._skip, self._announce_gap,
            self._restart,
        )  # fmt: skip
        chosen, who = divmod(choice, len(NAMES))
        steps[chosen % len(steps)](NAMES[who])

    def finish(self) -> None:
        """Everybody comes, three more are published and shown, and one more reads it all."""
        for name in NAMES:
            self._join(name)
        for name in NAMES:
            self._publish(name)
        for name in NAMES:
            while name in self._live and self._places[name].seq < len(self._log):
                self._deliver(name)
        self._recover("auditor", self._position(0))

    # -- publishers ----------------------------------------------------------------------------

    def _invoke(self) -> Message:
        self._sent += 1
        message = Message(f"p{self._sent % 2}", self._sent)
        self.history.append(Invoked(CHANNEL, message))
        return message

    def _append(self, message: Message) -> Position:
        self._log.append((f"t{self._epoch}-{len(self._log)}", message))
        return self._position(len(self._log))

    def _publish(self, _: str) -> None:
        message = self._invoke()
        self.history.append(Acknowledged(CHANNEL, message, self._append(message)))

    def _publish_unknown(self, name: str) -> None:
        message = self._invoke()
        if name != NAMES[0]:
            self._append(message)
        self.history.append(Unknown(CHANNEL, message))

    def _refuse(self, _: str) -> None:
        self.history.append(Failed(CHANNEL, self._invoke()))

    # -- subscribers ---------------------------------------------------------------------------

    def _position(self, seq: int) -> Position:
        return Position(f"e{self._epoch}", seq, self._log[seq - 1][0] if seq else "")

    def _show(self, name: str, seq: int, how: Literal["live", "recovered"]) -> None:
        tag, message = self._log[seq - 1]
        self.history.append(Received(CHANNEL, name, how, f"e{self._epoch}", seq, tag, message))

    def _deliver(self, name: str) -> None:
        seq = self._places[name].seq + 1
        if name in self._live and seq <= len(self._log):
            self._show(name, seq, "live")
            self._places[name] = self._position(seq)

    def _skip(self, name: str) -> None:
        first, last = self._places[name].seq + 1, len(self._log)
        if name in self._live and first <= last:
            self.history.append(Skipped(CHANNEL, name, first, last))
            self._places[name] = self._position(last)

    def _announce_gap(self, name: str) -> None:
        if name in self._live:
            self._places[name] = self._position(len(self._log))
            self.history.append(Gapped(CHANNEL, name, self._places[name]))

    def _leave(self, name: str) -> None:
        if name in self._live:
            self._live.discard(name)
            self.history.append(Disconnected(CHANNEL, name))

    def _join(self, name: str) -> None:
        if name in self._live:
            return
        since, head = self._places[name], self._position(len(self._log))
        self._live.add(name)
        if since.epoch == head.epoch:
            self._recover(name, since)
        else:
            self.history.append(Asked(CHANNEL, name, since if since.epoch else None))
            recovery: Recovery = "gap" if since.epoch else "none"
            self.history.append(Subscribed(CHANNEL, name, head, recovery))
        self._places[name] = head

    def _recover(self, name: str, since: Position) -> None:
        self.history.append(Asked(CHANNEL, name, since))
        for seq in range(since.seq + 1, len(self._log) + 1):
            self._show(name, seq, "recovered")
        head = self._position(len(self._log))
        self.history.append(Subscribed(CHANNEL, name, head, "complete"))

    def _restart(self, name: str) -> None:
        """The log is lost, and says so by its epoch. Rare enough to leave long stretches."""
        if name == NAMES[0]:
            for each in NAMES:
                self._leave(each)
            self._epoch += 1
            self._log = []


def honest_history(choices: Iterable[int]) -> list[Operation]:
    model = HonestModel()
    for choice in choices:
        model.step(choice)
    model.finish()
    return model.history
