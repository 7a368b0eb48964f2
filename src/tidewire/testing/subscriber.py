"""A subscriber: writes down what it is shown of its channels, on one connection after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType

from tidewire.messages import Position
from tidewire.testing.client import Client, Disconnected
from tidewire.testing.experiment import Connect, Experiment, come_back
from tidewire.testing.notes import Notes


class Subscriber:
    """Follows channels through every disconnection, and records what it is shown.

    Entering waits until the server has answered for each channel; leaving
    disconnects.
    """

    def __init__(
        self, name: str, channels: tuple[str, ...], connect: Connect, experiment: Experiment
    ) -> None:
        self.name = name
        self.connections = 0
        self._notes = Notes(name, channels, experiment)
        self._connect = connect
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def positions(self) -> dict[str, Position]:
        """Where it stands in each channel, and would go on from."""
        return self._notes.positions

    @property
    def refused(self) -> set[str]:
        """Channels it was not let into."""
        return self._notes.refused

    @property
    def fault(self) -> BaseException | None:
        """What ended its following before it was left."""
        is_over = self._task is not None and self._task.done() and not self._task.cancelled()
        return self._task.exception() if self._task is not None and is_over else None

    async def __aenter__(self) -> Subscriber:
        self._task = asyncio.create_task(self._follow())
        self._task.add_done_callback(lambda _: self._news.set())
        await self.until(lambda: self.is_settled)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    @property
    def is_settled(self) -> bool:
        """Whether this connection's subscribes have all been answered."""
        return not self._notes.unanswered

    async def reached(self, channel: str, position: Position) -> None:
        """Wait until it has been shown ``position``, or goes on in another epoch."""
        await self.until(lambda: self._is_at(channel, position))

    def _is_at(self, channel: str, position: Position) -> bool:
        own = self.positions.get(channel)
        is_far = own is not None and (own.epoch != position.epoch or own.seq >= position.seq)
        return is_far and self.is_settled

    async def until(self, is_true: Callable[[], bool]) -> None:
        """Wait until something that depends on what it is shown ``is_true``."""
        while not is_true():
            if self._task is not None and self._task.done():
                await self._task  # raises what ended it
                raise RuntimeError(f"{self.name} follows nothing any more")
            self._news.clear()
            await self._news.wait()

    # -- following -----------------------------------------------------------------------------

    async def _follow(self) -> None:
        while True:
            client = await come_back(self._connect)
            self.connections += 1
            try:
                await self._listen(client)
            except Disconnected:
                pass
            finally:
                self._notes.disconnected()
                await client.abort()

    async def _listen(self, client: Client) -> None:
        await client.send(*self._notes.commands())
        while True:
            self._notes.take(await client.receive())
            self._news.set()
