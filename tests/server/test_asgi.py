"""WebSockets that come as ASGI messages: the same protocol, in the same order."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from msgspec.structs import replace

import tidewire
from tests.support.asynchronous import run
from tests.support.foreign import foreign
from tests.support.inprocess import settings_for
from tests.support.vectors import NATIVE, text_of
from tidewire.config import Auth, Settings
from tidewire.errors import HandshakeRefused
from tidewire.testing.client import Client, Disconnected, connect
from tidewire.testing.server import serve

OURS_TO_CHOOSE = frozenset({"userId", "clientId", "from", "epoch", "tag", "timestamp", "users"})
"""Fields that differ from one connection to the next."""

END = '{"type":"ping","id":"the end"}'


def service(settings: Settings | None = None, app: tidewire.App | None = None) -> Any:
    return (app or tidewire.App()).asgi(settings or settings_for())


def plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items() if name not in OURS_TO_CHOOSE}
    return [plain(each) for each in value] if isinstance(value, list) else value


async def answers(client: Client, text: str) -> list[Any]:
    """What the server says to ``text``, up to the answer of a ping behind it."""
    await client.send_raw(text)
    await client.send_raw(END)
    said = []
    while (message := await client.receive()).get("id") != "the end":
        said.append(plain(message))
    return said


async def conversation(url: str) -> list[Any]:
    """Everything the vectors have a client say, and what is said to it."""
    said = []
    for vector in NATIVE["commands"] + NATIVE["refusals"]:
        async with await connect(url) as client:
            said.append((vector["about"], await answers(client, text_of(vector))))
    return said


def test_the_vectors_are_answered_as_on_our_own_server() -> None:
    async def scenario() -> tuple[list[Any], list[Any]]:
        limits = replace(settings_for().limits, message_bytes=2**24)
        settings = replace(settings_for(), limits=limits)
        async with serve(tidewire.App(), settings) as server:
            ours = await conversation(server.websocket_url)
        async with foreign(service(settings)) as port:
            return ours, await conversation(f"ws://127.0.0.1:{port}/ws")

    ours, theirs = run(scenario())
    assert theirs == ours
    assert sum(len(said) for _, said in theirs) > len(theirs) / 2


def test_a_pipeline_arrives_everywhere_in_the_order_it_was_sent() -> None:
    async def scenario() -> list[list[int]]:
        async with foreign(service()) as port:
            url = f"ws://127.0.0.1:{port}/ws"
            async with await connect(url) as ann, await connect(url) as bob:
                for number in range(300):
                    await ann.send({"type": "chat", "text": str(number)})
                return [
                    [int((await client.expect("chat"))["text"]) for _ in range(300)]
                    for client in (ann, bob)
                ]

    assert run(scenario()) == [list(range(300))] * 2


def test_whoever_comes_back_recovers_what_it_missed() -> None:
    async def scenario() -> Any:
        async with foreign(service()) as port:
            url = f"ws://127.0.0.1:{port}/ws"
            async with await connect(url) as ann:
                place = await ann.request({"type": "subscribe", "channel": "room:1"})
                since = {name: place[name] for name in ("epoch", "seq", "tag")}
                for number in range(3):
                    publish = {"type": "publish", "channel": "room:1", "data": number}
                    await ann.request(publish)
                async with await connect(url) as bob:
                    subscribe = {"type": "subscribe", "channel": "room:1", "since": since}
                    return await bob.request(subscribe)

    answer = run(scenario())
    assert answer["recovery"] == "complete"
    assert [each["data"] for each in answer["messages"]] == [0, 1, 2]


def test_messagepack_is_spoken_there_too() -> None:
    async def scenario() -> Any:
        async with foreign(service()) as port:
            url = f"ws://127.0.0.1:{port}/ws"
            async with await connect(url) as ann, await connect(url, dialect="msgpack") as bob:
                await bob.send({"type": "chat", "text": "hi"})
                return (await ann.expect("chat"))["text"], (await bob.expect("chat"))["text"]

    assert run(scenario()) == ("hi", "hi")


def test_mounted_in_fastapi_it_starts_and_stops_with_it() -> None:
    async def scenario() -> tuple[str, int]:
        live = service(app=(app := tidewire.App()))
        web = FastAPI(lifespan=live.lifespan)
        web.mount("/live", live)

        @web.post("/notes")
        async def note(text: str) -> int:
            return (await app.publish("lobby", {"text": text})).seq

        async with (
            foreign(web, lifespan="on") as port,
            await connect(f"ws://127.0.0.1:{port}/live/ws") as ann,
        ):
            await asyncio.to_thread(httpx.post, f"http://127.0.0.1:{port}/notes?text=hi")
            said = (await ann.expect("message"))["data"]["text"]
            with pytest.raises(HandshakeRefused) as refusal:
                await connect(f"ws://127.0.0.1:{port}/live/elsewhere")
            return said, refusal.value.status

    assert run(scenario()) == ("hi", 404)


def test_a_stranger_is_refused_before_the_upgrade() -> None:
    async def scenario() -> int:
        async with foreign(service(settings_for(auth=Auth()))) as port:
            with pytest.raises(HandshakeRefused) as refusal:
                await connect(f"ws://127.0.0.1:{port}/ws")
            return refusal.value.status

    assert run(scenario()) == 401


def test_a_message_that_is_too_large_closes_and_harms_nobody() -> None:
    async def scenario() -> tuple[int, str]:
        async with foreign(service()) as port:
            url = f"ws://127.0.0.1:{port}/ws"
            async with await connect(url) as ann, await connect(url) as bob:
                await ann.send({"type": "chat", "text": "x" * 70_000})
                with pytest.raises(Disconnected) as ended:
                    await ann.expect("chat")
                return ended.value.code, (await bob.expect("user_left"))["type"]

    assert run(scenario()) == (1009, "user_left")


def test_a_reader_that_stands_still_is_let_go_and_nothing_waits_for_it() -> None:
    """Catalogue 67."""

    async def scenario() -> list[Any]:
        settings = settings_for()
        limits = replace(settings.limits, queue_bytes=64 * 1024, queue_age_s=0.2)
        async with foreign(service(replace(settings, limits=limits))) as port:
            url = f"ws://127.0.0.1:{port}/ws"
            async with await connect(url) as slow, await connect(url) as ann:
                left: list[Any] = []
                while not left:
                    await ann.request({"type": "chat", "text": "x" * 30_000})
                    said = await answers(ann, "{}")
                    left = [each for each in said if each["type"] == "user_left"]
                await slow.abort()
                return left

    assert run(scenario()) == [{"type": "user_left", "channel": "lobby"}]
