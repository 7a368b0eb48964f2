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

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import TracebackType
from typing import Literal, TypeAlias

import msgspec

from tidewire.errors import HandshakeRefused
from tidewire.messages import Position
from tidewire.testing.checker import check
from tidewire.testing.client import Client, Disconnected
from tidewire.testing.client import Message as Frame
from tidewire.testing.history import (
    Acknowledged,
    Asked,
    Barred,
    Failed,
    Gapped,
    Invoked,
    Message,
    Operation,
    Received,
    Skipped,
    Subscribed,
    Unknown,
    Unsubscribed,
)
from tidewire.testing.history import Disconnected as Ended
from tidewire.testing.violations import Violation

Connect: TypeAlias = Callable[[], Awaitable[Client]]

WINDOW = 50
"""Messages sent before their answers are waited for: a server lets 64 wait, unless configured."""

RETRY_S = 0.05
"""Between two tries to connect: short beside a server's start, long beside a refusal."""


class Recorder:
    """One experiment: its history, and whoever takes part. ``connect`` opens a connection."""

    def __init__(self, connect: Connect) -> None:
        self.history: list[Operation] = []
        self._connect = connect

    def publisher(self, name: str, connect: Connect | None = None) -> Publisher:
        """Numbers its messages from 1; two publishers may not have one name."""
        return Publisher(name, connect or self._connect, self.history)

    def subscriber(
        self,
        name: str,
        *channels: str,
        connect: Connect | None = None,
        since: Position | None = None,
    ) -> Subscriber:
        """Follows ``channels``, from now on or from ``since``."""
        subscriber = Subscriber(name, channels, connect or self._connect, self.history)
        if since is not None:
            subscriber.positions = dict.fromkeys(channels, since)
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


class Publisher:
    """Publishes numbered messages and records how each of them ended."""

    def __init__(self, name: str, connect: Connect, history: list[Operation]) -> None:
        self.name = name
        self.padding_bytes = 0
        """What each message weighs beside its number: to fill readers' queues."""
        self.position = Position("", 0)
        """Of the latest message that was acknowledged."""
        self._connect = connect
        self._history = history
        self._sent = 0
        self._client: Client | None = None

    async def __aenter__(self) -> Publisher:
        self._client = await _come_back(self._connect)
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
        client = self._client = self._client or await _come_back(self._connect)
        await client.send(*(self._command(channel, message) for message in pending.values()))
        while pending:
            answer = await client.receive()
            message = pending.pop(answer.get("id", 0), None)
            if message is not None:
                self._history.append(self._outcome(channel, message, answer))

    def _command(self, channel: str, message: Message) -> Frame:
        data: Frame = {"publisher": message.publisher, "number": message.number}
        if self.padding_bytes:
            data["padding"] = "x" * self.padding_bytes
        named = {"id": message.number, "once": str(message)}
        return {"type": "publish", "channel": channel, "data": data, **named}

    def _outcome(self, channel: str, message: Message, answer: Frame) -> Operation:
        if answer["type"] == "published":
            self.position = _position(answer)
            return Acknowledged(channel, message, self.position)
        is_unknown = answer["code"] == "unknown_outcome"
        return Unknown(channel, message) if is_unknown else Failed(channel, message)


class Subscriber:
    """Follows channels through every disconnection, and records what it is shown.

    Entering waits until the server has answered for each channel; leaving
    disconnects. ``refused`` are the channels it was not let into.
    """

    def __init__(
        self, name: str, channels: tuple[str, ...], connect: Connect, history: list[Operation]
    ) -> None:
        self.name = name
        self.positions: dict[str, Position] = {}
        self.refused: set[str] = set()
        self.connections = 0
        self._channels = channels
        self._connect = connect
        self._history = history
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
            client = await _come_back(self._connect)
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
                self._note(Subscribed(channel, self.name, _position(told), "none"))
            case "subscribed":
                self._on_subscribed(channel, told)
            case "gap":
                self._note(Gapped(channel, self.name, _position(told)))
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
        position, own = _position(told), self.positions.get(channel)
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
        message = _message(entry.get("data"))
        return Received(channel, self.name, how, epoch, entry["seq"], entry["tag"], message)


def _position(told: Frame) -> Position:
    return Position(told["epoch"], told["seq"], told["tag"])


def _message(data: object) -> Message | None:
    """Which of the experiment's messages this is, if it is one."""
    with suppress(msgspec.ValidationError):
        return msgspec.convert(data, Message)
    return None


async def _come_back(connect: Connect) -> Client:
    """Connect as soon as somebody is there. Raises what no waiting would change."""
    while True:
        try:
            return await connect()
        except (OSError, Disconnected):
            await asyncio.sleep(RETRY_S)
        except HandshakeRefused as refusal:
            if refusal.status not in (429, 503):
                raise
            await asyncio.sleep(RETRY_S)
