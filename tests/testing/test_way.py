"""The way back: which refusals end it, and which are waited out."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from tests.support.asynchronous import run
from tests.support.inprocess import settings_for
from tidewire.config import Auth
from tidewire.errors import HandshakeRefused
from tidewire.testing import way
from tidewire.testing.client import Disconnected, connect
from tidewire.testing.server import serve
from tidewire.testing.way import Way


async def _answered_by(text: bytes) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(text)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        await Way(f"ws://127.0.0.1:{port}/ws", None, Random(7))()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 502 Bad Gateway\r\n\r\n",
        b"HTTP/1.1 404 Not Found\r\n\r\n",
        b"220 mail.example.com ESMTP\r\n\r\n",
        b"",
    ],
)
def test_what_a_proxy_says_while_its_server_restarts_is_waited_out(
    answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(way, "PAUSE_S", 0.0)
    with pytest.raises(Disconnected):
        run(_answered_by(answer))


def test_who_is_not_welcome_does_not_ask_again() -> None:
    async def whole() -> None:
        async with serve(settings=settings_for(auth=Auth())) as server:
            await Way(server.websocket_url, None, Random(7))()

    with pytest.raises(HandshakeRefused):
        run(whole())


def test_a_connection_on_which_nothing_comes_is_taken_for_lost() -> None:
    async def whole() -> None:
        async with serve() as server:
            client = await connect(server.websocket_url, silence_s=0.05)
            async with client:
                while True:
                    await client.receive()

    with pytest.raises(Disconnected):
        run(whole())
