"""Many small rooms: every client is in many, and each publication reaches a few.

Says ``ready`` when everybody is subscribed, publishes when told to, then says what
it saw. Publications are to ever other rooms, a window at a time.

    python -m bench.many_rooms HOST PORT PATH DIALECT PUBLICATIONS [ROOMS]
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from bench.crowd import Client, Stage, a_few_at_a_time, connect, raise_file_limit

ROOMS, MEMBERS, ROOMS_PER_CLIENT = 10_000, 10, 100
WINDOW = 100


@dataclass(frozen=True)
class Words:
    """How a server is told to subscribe and publish, and by what a delivery is known."""

    hello: tuple[str, ...]
    subscribe: Callable[[list[str]], str]
    subscribed: str
    publish: str
    delivery: str


def _centrifuge(rooms: list[str]) -> str:
    return "\n".join(
        json.dumps({"id": number, "subscribe": {"channel": room}})
        for number, room in enumerate(rooms, 2)
    )


DIALECTS = {
    "tidewire": Words(
        hello=(),
        subscribe=lambda rooms: json.dumps(
            {"type": "subscribe", "channels": [{"channel": room} for room in rooms]}
        ),
        subscribed='"type":"subscribed","channel"',
        publish='{"type":"publish","channel":"%s","data":{"text":"a message of some length"}}',
        delivery='"type":"message"',
    ),
    "centrifuge": Words(
        hello=('{"id":1,"connect":{}}',),
        subscribe=_centrifuge,
        subscribed='"subscribe":{',
        publish='{"id":9,"publish":{"channel":"%s","data":{"text":"a message of some length"}}}',
        delivery='"pub":{',
    ),
}


class Crowd:
    """The clients, and how many deliveries all of them have seen."""

    def __init__(self, words: Words, rooms: int) -> None:
        self._words = words
        self._rooms = [f"room:{number}" for number in range(rooms)]
        self._clients: list[Client] = []
        self._arrived = asyncio.Event()
        self._wanted = 0
        self.delivered = 0

    async def gather(self, host: str, port: int, path: str) -> None:
        count = len(self._rooms) * MEMBERS // ROOMS_PER_CLIENT

        async def join(number: int) -> Client:
            client = await connect(host, port, path)
            await self._subscribe(client, self._rooms_of(number))
            client.on_text = self._count
            return client

        steps = [partial(join, number) for number in range(count)]
        self._clients = list(await a_few_at_a_time(steps))

    def _rooms_of(self, number: int) -> list[str]:
        start = number * ROOMS_PER_CLIENT
        return [self._rooms[(start + step) % len(self._rooms)] for step in range(ROOMS_PER_CLIENT)]

    async def _subscribe(self, client: Client, rooms: list[str]) -> None:
        done = asyncio.Event()
        left = len(rooms)

        def count(text: str) -> None:
            nonlocal left
            left -= text.count(self._words.subscribed)
            if left <= 0:
                done.set()

        client.on_text = count
        client.send(*self._words.hello, self._words.subscribe(rooms))
        await done.wait()

    def _count(self, text: str) -> None:
        self.delivered += text.count(self._words.delivery)
        if self.delivered >= self._wanted:
            self._arrived.set()

    async def publish(self, publications: int) -> None:
        """All of them, the next window when the last has reached everyone."""
        for start in range(0, publications, WINDOW):
            self._arrived.clear()
            self._wanted = self.delivered + WINDOW * MEMBERS
            for step in range(WINDOW):
                number = (start + step) * 7919 % len(self._rooms)  # a prime: ever other rooms
                publisher = self._clients[number // ROOMS_PER_CLIENT % len(self._clients)]
                publisher.send(self._words.publish % self._rooms[number])
            await self._arrived.wait()


async def main() -> None:
    host, port, path, dialect, publications, *rooms = sys.argv[1:]
    raise_file_limit()
    stage, crowd = Stage(), Crowd(DIALECTS[dialect], int(rooms[0]) if rooms else ROOMS)
    await crowd.gather(host, int(port), path)
    stage.say("ready")
    await stage.heard()
    began = time.perf_counter()
    await crowd.publish(int(publications))
    seconds = time.perf_counter() - began
    stage.say({"delivered": crowd.delivered, "seconds": seconds})
    await stage.heard()


if __name__ == "__main__":
    asyncio.run(main())
