"""Everybody comes back: clients that were cut off reconnect at once and recover what they missed.

Says ``ready`` when all are subscribed. Told to go on, it cuts them off, publishes to
every room what they miss and says ``away``. Told again, it brings all of them back
and says what that was like; a client that is not given exactly what it missed
ends it.

    python -m bench.comeback HOST PORT PATH CLIENTS MISSED
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

from bench.crowd import Client, Stage, a_few_at_a_time, connect, raise_file_limit

MEMBERS = 100
AWAY_S = 1.0
"""For the server to notice who is gone."""


class Mail:
    """What one client was answered."""

    def __init__(self) -> None:
        self._messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    def take(self, text: str) -> None:
        self._messages.put_nowait(json.loads(text))

    async def of_type(self, *types: str) -> dict[str, Any]:
        while True:
            message = await self._messages.get()
            if message["type"] in types:
                return message


class Absentee:
    """A client that remembers its place."""

    def __init__(self, room: str, target: tuple[str, int, str]) -> None:
        self.room = room
        self._target = target
        self._place: dict[str, Any] | None = None
        self._client: Client | None = None

    async def arrive(self) -> None:
        mail, since = Mail(), {} if self._place is None else {"since": self._place}
        self._client = await connect(*self._target, mail.take)
        self._client.send(json.dumps({"type": "subscribe", "channel": self.room, **since}))
        answer = await mail.of_type("subscribed", "error")
        self._check(answer)
        self._place = {name: answer[name] for name in ("epoch", "seq", "tag") if name in answer}

    def _check(self, answer: dict[str, Any]) -> None:
        if self._place is None:
            if answer["type"] != "subscribed":
                raise RuntimeError(f"not subscribed: {answer}")
            return
        missed = answer["seq"] - self._place["seq"]
        if answer["recovery"] != "complete" or len(answer["messages"]) != missed:
            raise RuntimeError(f"recovered {len(answer['messages'])} of {missed}")

    def leave(self) -> None:
        assert self._client is not None
        self._client.abort()


async def publish(rooms: list[str], count: int, target: tuple[str, int, str]) -> None:
    """``count`` to each room, each answered before the next: nothing is in flight afterwards."""
    mail = Mail()
    client = await connect(*target, mail.take)
    for number in range(count):
        for room in rooms:
            data = {"text": f"number {number}, a message of some length"}
            client.send(json.dumps({"type": "publish", "channel": room, "data": data, "id": 1}))
            await mail.of_type("published")


async def main() -> None:
    host, port, path, clients, missed = sys.argv[1:]
    raise_file_limit()
    target, stage = (host, int(port), path), Stage()
    crowd = [Absentee(f"room:{number // MEMBERS}", target) for number in range(int(clients))]
    rooms = sorted({each.room for each in crowd})
    await publish(rooms, 1, target)  # an empty room that everybody leaves begins a new epoch
    await a_few_at_a_time([each.arrive for each in crowd])
    stage.say("ready")
    await stage.heard()
    for each in crowd:
        each.leave()
    await asyncio.sleep(AWAY_S)
    await publish(rooms, int(missed), target)
    stage.say("away")
    await stage.heard()
    began = time.perf_counter()
    await a_few_at_a_time([each.arrive for each in crowd])
    stage.say({"recovered": len(crowd), "seconds": time.perf_counter() - began})
    await stage.heard()


if __name__ == "__main__":
    asyncio.run(main())
