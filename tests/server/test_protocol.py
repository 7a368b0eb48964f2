"""The hand-over from HTTP to a WebSocket: nothing is lost, and nothing is left behind."""

from __future__ import annotations

import asyncio
import gc
import json
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvloop
from uvicorn import Config

from tests.support import rawframes
from tests.support.asynchronous import eventually, run
from tests.support.rawframes import text
from tests.support.wire import request, upgrade_headers
from tidewire.app import App
from tidewire.compose.service import Service
from tidewire.config import Auth, Limits, Server, Settings
from tidewire.security.handshake import Handshake
from tidewire.security.user import User
from tidewire.server.listening import NOTSENT_LOWAT_BYTES
from tidewire.server.protocol import TidewireProtocol
from tidewire.server.runner import Runner

LOOPS: list[Callable[[], asyncio.AbstractEventLoop]] = [
    uvloop.new_event_loop,
    asyncio.new_event_loop,
]
CHAT = text('{"type":"chat","text":"early"}')


async def _slow_page(scope: Any, receive: Any, send: Any) -> None:
    """Answers its request only after the client has gone."""
    if scope["type"] == "http":
        await receive()
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})


@asynccontextmanager
async def _served(app: App, limits: Limits | None = None) -> AsyncIterator[int]:
    """The whole server in this loop; answers its port."""
    listener = socket.create_server(("127.0.0.1", 0))  # not ours: it comes without options
    settings = Settings(auth=Auth(anonymous=True), limits=limits or Limits(), server=Server())
    config = Config(
        Service(app, settings), http=TidewireProtocol, ws="none", lifespan="on", log_config=None
    )
    runner = Runner(config, stopping=lambda: None, reload=lambda: None)
    serving = asyncio.create_task(runner.serve(sockets=[listener]))
    await eventually(lambda: runner.started, "it listens")
    try:
        yield listener.getsockname()[1]
    finally:
        runner.should_exit = True
        await serving
        gc.unfreeze()


async def _open(port: int, data: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    return reader, writer


def _upgrade(port: int) -> bytes:
    return request(upgrade_headers(port))


async def _messages(reader: asyncio.StreamReader, kind: str) -> dict[str, Any]:
    buffer = bytearray()
    while True:
        data = await reader.read(65_536)
        assert data, f"ended before {kind} came"
        buffer += data
        if buffer.startswith(b"HTTP"):
            if b"\r\n\r\n" not in buffer:
                continue
            del buffer[: buffer.index(b"\r\n\r\n") + 4]
        while (found := rawframes.take_frame(buffer)) is not None:
            message: dict[str, Any] = json.loads(found.payload)
            if message["type"] == kind:
                return message


def _on(new_loop: Callable[[], asyncio.AbstractEventLoop], work: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(asyncio.wait_for(work, 60))


def _count(kind: type) -> int:
    return sum(type(each) is kind for each in gc.get_objects())


@pytest.mark.parametrize("new_loop", LOOPS)
def test_frames_in_the_same_segment_as_the_head_are_acted_on(
    new_loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    """Catalogue 27."""

    async def scenario() -> None:
        async with _served(App()) as port:
            reader, writer = await _open(port, _upgrade(port) + CHAT)
            assert (await _messages(reader, "chat"))["text"] == "early"
            writer.close()

    _on(new_loop, scenario())


@pytest.mark.parametrize("new_loop", LOOPS)
def test_nothing_of_the_http_protocol_survives_the_hand_over(
    new_loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    """uvloop keeps the old protocol unless the new class defines ``data_received``: 9 KiB each."""

    async def scenario() -> None:
        async with _served(App()) as port:
            before = _count(TidewireProtocol)
            gc.collect()
            gc.disable()
            try:
                writers = []
                for _ in range(5):
                    reader, writer = await _open(port, _upgrade(port) + CHAT)
                    await _messages(reader, "chat")
                    writers.append(writer)
                await eventually(lambda: _count(TidewireProtocol) == before)
            finally:
                gc.enable()
            for writer in writers:
                writer.close()

    _on(new_loop, scenario())


def test_the_kernel_holds_little_for_a_peer_that_does_not_read() -> None:
    """Without TCP_NOTSENT_LOWAT 3.8 MiB, of which we hear nothing."""

    async def scenario() -> None:
        async with _served(App()) as port:
            reader, writer = await _open(port, _upgrade(port) + CHAT)
            await _messages(reader, "chat")
            assert NOTSENT_LOWAT_BYTES in _lowats()
            writer.close()

    run(scenario())


def _lowats() -> set[int]:
    """Of every socket of this process that has the option."""
    found = set()
    for each in gc.get_objects():
        if isinstance(each, asyncio.Transport):
            sock = each.get_extra_info("socket")
            if sock is not None and sock.family == socket.AF_INET:
                option = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT)
                found.add(option)
    return found


def test_an_upgrade_behind_an_open_request_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    """Two answers on one connection could not be told apart."""

    async def scenario() -> None:
        app = App()
        app.mount(_slow_page)
        async with _served(app) as port:
            page = b"GET /page HTTP/1.1\r\nHost: x\r\n\r\n"
            reader, writer = await _open(port, page + _upgrade(port))
            answer = await reader.read()
            assert answer.startswith(b"HTTP/1.1 400 ")
            writer.close()

    run(scenario())
    (refused,) = [each for each in caplog.records if each.message == "refused"]
    assert (refused.__dict__["path"], refused.__dict__["peer"]) == ("/ws", "127.0.0.1")


@pytest.mark.parametrize("new_loop", LOOPS)
def test_an_applications_hook_may_wait_and_runs_in_a_task(
    new_loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    """``asyncio.timeout`` and most clients of databases need one, from their first step."""

    async def authenticate(handshake: Handshake) -> User:
        async with asyncio.timeout(60):
            await asyncio.sleep(0)
        return User("ada")

    async def scenario() -> None:
        app = App()
        app.authenticate(authenticate)
        async with _served(app) as port:
            reader, writer = await _open(port, _upgrade(port) + CHAT)
            assert (await _messages(reader, "chat"))["from"] == "ada"
            writer.close()

    _on(new_loop, scenario())


def test_a_byte_at_a_time_does_not_extend_the_deadline() -> None:
    """Catalogue 7: it ends long before the head is whole, by an answer or, if unread, a reset."""

    async def scenario() -> None:
        async with _served(App(), Limits(handshake_s=0.5)) as port:
            reader, writer = await _open(port, b"")
            ended = asyncio.create_task(reader.read())
            sent = 0
            for byte in _upgrade(port):
                if ended.done():
                    break
                writer.write(bytes([byte]))
                sent += 1
                await asyncio.sleep(0.05)  # paced: the attack is slowness itself
            assert sent < len(_upgrade(port))
            await asyncio.gather(ended, return_exceptions=True)
            writer.close()

    run(scenario())
