"""A subscriber: writes down what it is shown of its channels, on one connection after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Literal

from tidewire.messages import Position
from tidewire.testing.client import Client, Disconnected
from tidewire.testing.client import Message as Frame
from tidewire.testing.experiment import Connect, Experiment, come_back, position_of
from tidewire.testing.history import (
    Asked,
    Gapped,
    Received,
    Skipped,
    Subscribed,
    Unsubscribed,
)
from tidewire.testing.history import Disconnected as Ended


class Subscriber:
    """Follows channels through every disconnection, and records what it is shown.

    Entering waits until the server has answered for each channel; leaving
    disconnects. ``refused`` are the channels it was not let into.
    """

    def __init__(
        self, name: str, channels: tuple[str, ...], connect: Connect, experiment: Experiment
    ) -> None:
        self.name = name
        self.positions: dict[str, Position] = {}
        self.refused: set[str] = set()
        self.connections = 0
        self._channels = channels
        self._connect = connect
        self._experiment = experiment
        self._history = experiment.history
        self._unanswered = set(channels)
        self._epochs: dict[str, str] = {}  # of the subscription that is live
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

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
        return not self._unanswered

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
                self._unanswered = set(self._channels)
                self._history.extend(Ended(each, self.name) for each in self._channels)
                await client.abort()

    async def _listen(self, client: Client) -> None:
        commands = [self._subscribe(number, each) for number, each in enumerate(self._channels)]
        await client.send(*commands)
        while True:
            self._take(await client.receive())
            self._news.set()

    def _subscribe(self, number: int, channel: str) -> Frame:
        since = self.positions.get(channel)
        self._history.append(Asked(channel, self.name, since))
        command: Frame = {"type": "subscribe", "channel": channel, "id": number}
        if since is None:
            return command
        return {**command, "since": {"epoch": since.epoch, "seq": since.seq, "tag": since.tag}}

    def _take(self, told: Frame) -> None:
        """Record what the server said, if it is about one of our channels."""
        channel = told.get("channel")
        if isinstance(told.get("id"), int):
            channel = self._channels[told["id"]]
            self._unanswered.discard(channel)
        if channel not in self._channels:
            return
        match told["type"]:
            case "error":
                self.refused.add(channel)
            case "connected":
                self._note(Subscribed(channel, self.name, position_of(told), "none"))
            case "subscribed":
                self._on_subscribed(channel, told)
            case "gap":
                self._note(Gapped(channel, self.name, position_of(told)))
            case "skipped":
                self._on_skipped(channel, told)
            case "unsubscribed":
                self._history.append(Unsubscribed(channel, self.name))
            case _ if "seq" in told and "timestamp" in told:
                self._on_entry(channel, told)

    def _note(self, operation: Subscribed | Gapped) -> None:
        """Where it goes on from; who is connected to the lobby asks for what it missed itself."""
        self._history.append(operation)
        self._epochs[operation.channel] = operation.position.epoch
        if isinstance(operation, Gapped) or operation.channel not in self.positions:
            self.positions[operation.channel] = operation.position

    def _on_subscribed(self, channel: str, told: Frame) -> None:
        epoch = told["epoch"]
        if not told.get("snapshot"):  # the latest of each key are no stretch of the log
            for entry in told.get("messages", ()):
                self._history.append(self._received(channel, entry, epoch, "recovered"))
        if told.get("more"):
            return
        position, own = position_of(told), self.positions.get(channel)
        self._note(Subscribed(channel, self.name, position, told["recovery"]))
        if own is None or own.epoch != epoch or told["recovery"] == "gap" or own.seq < position.seq:
            self.positions[channel] = position

    def _on_skipped(self, channel: str, told: Frame) -> None:
        self._history.append(Skipped(channel, self.name, told["from"], told["to"]))
        self._reach(channel, told["to"], "")

    def _on_entry(self, channel: str, told: Frame) -> None:
        epoch = self._epochs.get(channel, "")
        self._history.append(self._received(channel, told, epoch, "live"))
        self._reach(channel, told["seq"], told["tag"])

    def _reach(self, channel: str, seq: int, tag: str) -> None:
        own = self.positions.get(channel)
        if own is not None and own.epoch == self._epochs.get(channel) and own.seq < seq:
            self.positions[channel] = Position(own.epoch, seq, tag)

    def _received(
        self, channel: str, entry: Frame, epoch: str, how: Literal["live", "recovered"]
    ) -> Received:
        message = self._experiment.message(entry.get("data"))
        return Received(channel, self.name, how, epoch, entry["seq"], entry["tag"], message)
