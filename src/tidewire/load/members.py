"""Members: the clients of a load test. Each counts into its process's tally."""

from __future__ import annotations

import asyncio
import time
from random import Random

from tidewire.errors import HandshakeRefused, StartFailed, TidewireError
from tidewire.load.plan import Plan
from tidewire.load.tally import Tally
from tidewire.testing.client import Client, Disconnected, connect
from tidewire.testing.client import Message as Frame

OPEN_TIMEOUT_S = 10.0
RETRY_S = 1.0
"""After a try that failed, by chance up to this. The first try after a lost connection is made
at once by all: that is the storm that is measured."""

NOT_WELCOME = (401, 403, 404)


def now_us() -> int:
    """The same clock in every process of a machine."""
    return time.monotonic_ns() // 1000


async def examine(plan: Plan) -> None:
    """Raise ``StartFailed`` where the first try fails: somewhere else is meant."""
    try:
        client = await connect(plan.url, token=plan.token, timeout_s=OPEN_TIMEOUT_S)
    except Exception as error:  # whatever answers there instead of a server
        raise StartFailed(f"cannot use {plan.url}: {error or type(error).__name__}") from error
    await client.abort()


class Member:
    """Connects, as often as it takes."""

    def __init__(self, plan: Plan, tally: Tally, chance: Random) -> None:
        self._plan = plan
        self._tally = tally
        self._chance = chance
        self._client: Client | None = None

    async def join(self) -> None:
        """Be connected, and whatever else it takes before the start."""
        await self._open()

    async def _open(self) -> Client:
        """Raises ``StartFailed`` where no waiting would help."""
        plan = self._plan
        while True:
            try:
                client = await connect(plan.url, token=plan.token, timeout_s=OPEN_TIMEOUT_S)
            except HandshakeRefused as refusal:
                if refusal.status in NOT_WELCOME:
                    raise StartFailed(f"{plan.url} refused: {refusal}") from refusal
            except (OSError, TidewireError, asyncio.LimitOverrunError):
                pass
            else:
                self._client = client
                return client
            await self._pause()

    async def _pause(self) -> None:
        self._tally.failed_connects += 1
        await asyncio.sleep(self._chance.uniform(0, RETRY_S))

    async def drop(self) -> None:
        """Lose the connection, without a word."""
        if self._client is not None:
            await self._client.abort()


class Subscriber(Member):
    """Follows the channel, and times what it is shown."""

    def __init__(self, plan: Plan, tally: Tally, chance: Random) -> None:
        super().__init__(plan, tally, chance)
        self._place: Frame | None = None

    async def join(self) -> None:
        """Be subscribed; timed."""
        began = now_us()
        await self._settle_in()
        self._tally.connecting.record(now_us() - began)
        self._tally.subscribers += 1

    async def follow(self) -> None:
        """Count what comes, for ever, on one connection after the other."""
        while True:
            try:
                await self._listen()
            except Disconnected:
                await self._come_back(now_us())

    async def _come_back(self, lost_us: int) -> None:
        await self.drop()
        self._tally.lost_connections += 1
        await self._settle_in()
        self._tally.returning.record(now_us() - lost_us)

    async def _settle_in(self) -> None:
        """Connect and subscribe, as often as it takes."""
        while True:
            client = await self._open()
            try:
                await self._subscribe(client)
            except Disconnected:
                await self.drop()
                await self._pause()
            else:
                return

    async def _subscribe(self, client: Client) -> None:
        command = {"type": "subscribe", "channel": self._plan.channel, "since": self._place}
        answer = await client.request({**command, "id": "s"})
        while self._take_answer(answer):
            answer = await client.expect("subscribed", id="s")

    def _take_answer(self, answer: Frame) -> bool:
        """Whether more pages of it follow."""
        if answer["type"] == "error":
            raise StartFailed(f"subscribe {self._plan.channel}: {answer['code']}")
        messages = answer.get("messages", ())
        self._tally.recovered += sum(self._is_ours(each) for each in messages)
        self._tally.gaps += answer["recovery"] == "gap"
        self._place = {name: answer[name] for name in ("epoch", "seq", "tag")}
        return bool(answer.get("more"))

    async def _listen(self) -> None:
        assert self._client is not None
        while True:
            told = await self._client.receive()
            if told.get("channel") == self._plan.channel:
                self._take(told)

    def _take(self, told: Frame) -> None:
        if "seq" in told and "timestamp" in told and self._place is not None:
            self._place["seq"], self._place["tag"] = told["seq"], told["tag"]
            if self._is_ours(told):
                self._tally.delivered += 1
                self._tally.delivery.record(now_us() - told["data"]["at"])
        elif told["type"] == "gap":
            self._tally.gaps += 1
        elif told["type"] == "skipped":
            self._tally.skips += 1

    def _is_ours(self, entry: Frame) -> bool:
        data = entry.get("data")
        return isinstance(data, dict) and data.get("run") == self._plan.run


class Publisher(Member):
    """Sends when a message is due, whatever has become of those before it."""

    async def publish(self, number: int, start_us: int) -> None:
        """Its part of the plan, until the last message is sent."""
        for due_us in self._plan.due_us(number):
            at_us = start_us + due_us
            await asyncio.sleep(max(0, at_us - now_us()) / 1e6)
            self._tally.lateness.record(now_us() - at_us)
            await self._send(at_us)

    async def _send(self, at_us: int) -> None:
        command = {"type": "publish", "channel": self._plan.channel, "id": at_us}
        while True:
            try:
                assert self._client is not None
                await self._client.send({**command, "data": self._plan.data(at_us)})
            except Disconnected:
                await asyncio.sleep(0.01)  # ``read`` connects again
                continue
            self._tally.sent += 1
            return

    async def read(self) -> None:
        """Count answers, for ever; come back where the connection is lost."""
        while True:
            try:
                assert self._client is not None
                while True:
                    self._take(await self._client.receive())
            except Disconnected:
                await self.drop()
                self._tally.lost_connections += 1
                await self._open()

    def _take(self, answer: Frame) -> None:
        due_us = answer.get("id")
        if not isinstance(due_us, int):
            return
        if answer["type"] == "published":
            self._tally.acknowledged += 1
            self._tally.acknowledgement.record(now_us() - due_us)
        else:
            self._tally.refusals[answer["code"]] += 1
