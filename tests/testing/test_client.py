"""The client that ships for tests, against a real server and against raw sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tests.support.asynchronous import run
from tests.support.inprocess import settings_for
from tests.support.tokens import SECRET, claims, hmac_token
from tidewire.config import Auth, Compression, Secret, Settings
from tidewire.errors import HandshakeRefused
from tidewire.testing.client import Client, Disconnected, connect
from tidewire.testing.server import serve


def play(scene: Callable[[str], Awaitable[None]], settings: Settings | None = None) -> None:
    """``scene`` with the address of a running server."""

    async def whole() -> None:
        async with serve(settings=settings) as server:
            await scene(server.websocket_url)

    run(whole())


def test_what_is_sent_is_answered_and_what_comes_is_received_in_order() -> None:
    async def scene(url: str) -> None:
        async with await connect(url) as client:
            greeting = await client.receive()
            await client.send({"type": "ping"}, {"type": "chat", "text": "hello"})
            said = [await client.receive(), await client.receive()]
        assert greeting["type"] == "connected"
        assert client.subprotocol == "tidewire.v1"
        assert {each["type"] for each in said} == {"pong", "chat"}

    play(scene)


def test_a_request_keeps_what_came_before_its_answer_for_later() -> None:
    async def scene(url: str) -> None:
        async with await connect(url) as client:
            await client.send({"type": "chat", "text": "one"}, {"type": "chat", "text": "two"})
            answer = await client.request({"type": "history", "channel": "lobby"})
            first = await client.expect("chat")
            second = await client.expect("chat", text="two")
        assert [each["text"] for each in answer["messages"]] == ["one", "two"]
        assert (first["text"], second["seq"]) == ("one", 2)

    play(scene)


def test_messages_of_any_length_arrive_whole_and_compressed_where_agreed() -> None:
    async def scene(url: str) -> None:
        text = "tide " * 8_000
        async with await connect(url, compression=True) as client:
            await client.send({"type": "chat", "text": text})
            assert (await client.expect("chat"))["text"] == text
            assert client.is_compressed

    play(scene, settings_for(compression=Compression(enabled=True)))


def test_a_token_says_who_one_is_and_a_wrong_one_is_refused_with_its_status() -> None:
    async def scene(url: str) -> None:
        async with await connect(url, token=hmac_token(claims(sub="ada"))) as client:
            assert (await client.expect("connected"))["userId"] == "ada"
        with pytest.raises(HandshakeRefused) as refused:
            await connect(url, token="not a token")
        assert refused.value.status == 401

    play(scene, settings_for(auth=Auth(secrets=(Secret(SECRET),))))


def test_a_close_says_its_code_and_everything_after_it_says_it_again() -> None:
    async def scene(url: str) -> None:
        client = await connect(url)
        await client.expect("connected")
        await client.send_raw(b"\x00")
        for _ in range(2):
            with pytest.raises(Disconnected) as ended:
                await client.receive()
            assert ended.value.code == 1003
        with pytest.raises(Disconnected):
            await client.send({"type": "ping"})
        await client.close()

    play(scene)


async def _half_a_greeting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 101 Switching")
    writer.close()


async def _silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


def _against(peer: Callable[..., Awaitable[None]], timeout_s: float | None = None) -> Client:
    async def attempt() -> Client:
        server = await asyncio.start_server(peer, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            return await connect(f"ws://127.0.0.1:{port}/", timeout_s=timeout_s)

    return run(attempt())


def test_a_server_that_hangs_up_during_the_handshake_is_a_lost_connection() -> None:
    with pytest.raises(Disconnected) as ended:
        _against(_half_a_greeting)
    assert ended.value.code == 1006


def test_a_server_that_says_nothing_is_waited_for_as_long_as_one_was_told() -> None:
    with pytest.raises(AssertionError, match="TimeoutError"):
        _against(_silence, timeout_s=0.05)
