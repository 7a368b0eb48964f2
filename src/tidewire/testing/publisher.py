"""A publisher: numbers its messages, and writes down what became of each."""

from __future__ import annotations

from types import TracebackType

from tidewire.messages import Position
from tidewire.testing.client import Client, Disconnected
from tidewire.testing.client import Message as Frame
from tidewire.testing.experiment import Connect, Experiment, come_back, position_of
from tidewire.testing.history import Acknowledged, Failed, Invoked, Message, Operation, Unknown

WINDOW = 50
"""Messages sent before their answers are waited for: a server lets 64 wait, unless configured."""


class Publisher:
    """Publishes numbered messages and records how each of them ended."""

    def __init__(self, name: str, connect: Connect, experiment: Experiment) -> None:
        self.name = name
        self.padding_bytes = 0
        """What each message weighs beside its number: to fill readers' queues."""
        self.position = Position("", 0)
        """Of the latest message that was acknowledged."""
        self._connect = connect
        self._experiment = experiment
        self._history = experiment.history
        self._sent = 0
        self._client: Client | None = None

    async def __aenter__(self) -> Publisher:
        self._client = await come_back(self._connect)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._leave()

    async def _leave(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.abort()

    async def publish(self, channel: str, count: int = 1, *, insist: bool = False) -> None:
        """Send ``count`` messages, as many at once as may wait, and wait until each has ended.

        Where the connection is lost what waited ends as unknown. With ``insist`` it
        is sent again instead, under the same ``once`` keys, until it is answered.
        """
        last = self._sent + count
        while self._sent < last:
            first, self._sent = self._sent + 1, min(last, self._sent + WINDOW)
            await self._publish(channel, range(first, self._sent + 1), insist=insist)

    async def _publish(self, channel: str, numbers: range, *, insist: bool) -> None:
        pending = {number: Message(self.name, number) for number in numbers}
        self._history.extend(Invoked(channel, message) for message in pending.values())
        while pending:
            try:
                await self._send(channel, pending)
            except Disconnected:
                await self._leave()
                if not insist:
                    break
        self._history.extend(Unknown(channel, message) for message in pending.values())

    async def _send(self, channel: str, pending: dict[int, Message]) -> None:
        """Send what is pending, and read until nothing is."""
        client = self._client = self._client or await come_back(self._connect)
        await client.send(*(self._command(channel, message) for message in pending.values()))
        while pending:
            answer = await client.receive()
            message = pending.pop(answer.get("id", 0), None)
            if message is not None:
                self._history.append(self._outcome(channel, message, answer))

    def _command(self, channel: str, message: Message) -> Frame:
        data = self._experiment.label(message, self.padding_bytes)
        named = {"id": message.number, "once": f"{self._experiment.run}/{message}"}
        return {"type": "publish", "channel": channel, "data": data, **named}

    def _outcome(self, channel: str, message: Message, answer: Frame) -> Operation:
        if answer["type"] == "published":
            self.position = position_of(answer)
            return Acknowledged(channel, message, self.position)
        is_unknown = answer["code"] == "unknown_outcome"
        return Unknown(channel, message) if is_unknown else Failed(channel, message)
