"""Applications that use the Python client, and write down what they do and are shown.

What they write down is a history that the checker judges: it knows neither the client
nor the server.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing, suppress
from types import TracebackType

from tidewire.client import (
    Client,
    CommandRefused,
    Entry,
    Gap,
    NotSent,
    OutcomeUnknown,
    Position,
    Skip,
)
from tidewire.client.bell import Bell
from tidewire.testing import history as happened
from tidewire.testing.checker import check
from tidewire.testing.experiment import Experiment


class Witness:
    """Reads one channel from a place on, and writes down each event."""

    def __init__(self, name: str, client: Client, start: Position, experiment: Experiment) -> None:
        self.seen: list[Entry[object] | Gap | Skip] = []
        self._name = name
        self._experiment = experiment
        self._start = start
        self._news = Bell()
        self._client = client
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Witness:
        self._task = asyncio.create_task(self._read())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._task is not None
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    @property
    def gaps(self) -> list[Gap]:
        return [each for each in self.seen if isinstance(each, Gap)]

    async def reached(self, position: Position) -> None:
        """Wait until it has been shown ``position``, whatever its epoch."""
        while not self._is_at(position):
            await self._news.wait()

    def _is_at(self, position: Position) -> bool:
        places = [each.position for each in self.seen if isinstance(each, Entry | Gap)]
        return any(each.epoch == position.epoch and each.seq >= position.seq for each in places)

    async def saw(self, count: int) -> None:
        """Wait until it has been shown so much."""
        while len(self.seen) < count:
            await self._news.wait()

    async def _read(self) -> None:
        channel = self._client.channel("room:1", since=self._start)
        write, at = self._experiment.history.append, self._start
        write(happened.Asked("room:1", self._name))
        write(happened.Subscribed("room:1", self._name, at, "none"))
        async with aclosing(channel.events()) as events:
            async for event in events:
                match event:
                    case Entry():
                        write(self._received(event))
                    case Gap():
                        write(happened.Gapped("room:1", self._name, event.position))
                    case Skip():
                        write(happened.Skipped("room:1", self._name, event.first, event.last))
                    case _:
                        continue
                self.seen.append(event)
                self._news.ring()

    def _received(self, entry: Entry[object]) -> happened.Received:
        place, message = entry.position, self._experiment.message(entry.data)
        return happened.Received(
            "room:1", self._name, "live", place.epoch, place.seq, place.tag, message
        )


class Author:
    """Publishes numbered messages with a client, all at once, and writes down how each ended."""

    def __init__(self, name: str, client: Client, experiment: Experiment) -> None:
        self.position = Position("", 0)
        """Of the latest that was acknowledged."""

        self.outcomes: list[happened.Operation] = []
        self._name = name
        self._client = client
        self._experiment = experiment
        self._count = 0

    async def publish(self, count: int) -> None:
        first, self._count = self._count + 1, self._count + count
        await asyncio.gather(*map(self._publish, range(first, self._count + 1)))

    async def _publish(self, number: int) -> None:
        message = happened.Message(self._name, number)
        self._experiment.history.append(happened.Invoked("room:1", message))
        outcome = await self._outcome(message)
        self.outcomes.append(outcome)
        self._experiment.history.append(outcome)

    async def _outcome(self, message: happened.Message) -> happened.Operation:
        try:
            position = await self._client.publish("room:1", self._experiment.label(message, 0))
        except OutcomeUnknown:
            return happened.Unknown("room:1", message)
        except (CommandRefused, NotSent):
            return happened.Failed("room:1", message)
        self.position = position
        return happened.Acknowledged("room:1", message, position)


def judge(experiment: Experiment) -> None:
    """Nothing is missing, twice, out of order or wrongly told."""
    assert [str(each) for each in check(experiment.history)] == []
