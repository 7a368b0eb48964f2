"""Recorder: publishers and subscribers on a real server, and the history they make together.

    recorder = Recorder(lambda: connect("ws://127.0.0.1:8000/ws"))
    async with recorder.subscriber("ann", "room:1") as ann, recorder.publisher("p1") as p1:
        await p1.publish("room:1", 100)
        await ann.reached("room:1", p1.position)
    assert not recorder.violations()

Both come back by themselves when they lose their connection, as often as it takes,
and recover from where they were; a subscriber records what it is shown and repairs
nothing. What a publication holds is its number, by which it is known again.
"""

from __future__ import annotations

import secrets

from tidewire.messages import Position
from tidewire.testing.checker import check
from tidewire.testing.experiment import Connect, Experiment
from tidewire.testing.history import Barred, Operation
from tidewire.testing.publisher import Publisher
from tidewire.testing.subscriber import Subscriber
from tidewire.testing.violations import Violation


class Recorder:
    """One experiment: its history, and whoever takes part.

    ``connect`` opens a connection. ``run`` names the experiment, by chance unless
    given: recorders that take part in one have to share it.
    """

    def __init__(self, connect: Connect, *, run: str | None = None) -> None:
        self._experiment = Experiment(run or secrets.token_hex(4))
        self._connect = connect

    @property
    def history(self) -> list[Operation]:
        """What has happened so far, in order."""
        return self._experiment.history

    def publisher(self, name: str, connect: Connect | None = None) -> Publisher:
        """Numbers its messages from 1; two publishers may not have one name."""
        return Publisher(name, connect or self._connect, self._experiment)

    def subscriber(
        self,
        name: str,
        *channels: str,
        connect: Connect | None = None,
        since: Position | None = None,
    ) -> Subscriber:
        """Follows ``channels``, from now on or from ``since``."""
        subscriber = Subscriber(name, channels, connect or self._connect, self._experiment)
        if since is not None:
            subscriber.positions.update(dict.fromkeys(channels, since))
        return subscriber

    def bar(self, subscriber: str, channel: str) -> None:
        """State that from now on ``subscriber`` has no leave for ``channel``."""
        self.history.append(Barred(channel, subscriber))

    async def audit(self, channel: str, name: str = "auditor") -> None:
        """Let one more subscriber read ``channel`` from its log's beginning, as a last word."""
        async with await self._connect() as client:
            page = await client.request({"type": "history", "channel": channel, "limit": 1})
        start = Position(page["epoch"], 0)
        async with self.subscriber(name, channel, since=start):
            pass

    def violations(self) -> list[Violation]:
        """What the history so far proves."""
        return check(self.history)
