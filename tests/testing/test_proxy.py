"""Every fault is asserted twice: what the ends saw, and what the proxy says it did."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from tests.support.asynchronous import eventually, run
from tidewire.testing.proxy import FaultProxy


class Server:
    """Echoes, remembers what it received, and how each connection ended."""

    def __init__(self) -> None:
        self.received = b""
        self.ends: list[str] = []
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65_536):
                self.received += data
                writer.write(data)
                await writer.drain()
            self.ends.append("fin")
            writer.write(b"bye")
        except ConnectionError:
            self.ends.append("reset")
        finally:
            writer.close()


class Client:
    """One connection through the proxy."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def ask(self, data: bytes) -> bytes:
        self.writer.write(data)
        return await self.reader.readexactly(len(data))


@asynccontextmanager
async def a_server_behind_a_proxy() -> AsyncIterator[tuple[Server, FaultProxy]]:
    server = Server()
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listener.sockets[0].getsockname()[1]
    async with FaultProxy(server.port) as proxy:
        yield server, proxy
    listener.close()
    await listener.wait_closed()


@asynccontextmanager
async def connected(proxy: FaultProxy) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    try:
        yield Client(reader, writer)
    finally:
        writer.transport.abort()


Scene = Callable[[Server, FaultProxy, Client], Awaitable[None]]


def play(scene: Scene) -> None:
    async def whole() -> None:
        async with a_server_behind_a_proxy() as (server, proxy), connected(proxy) as client:
            await scene(server, proxy, client)

    run(whole())


def test_without_a_fault_bytes_pass_unchanged() -> None:
    async def scene(server: Server, proxy: FaultProxy, client: Client) -> None:
        data = bytes(range(256)) * 4000
        assert await client.ask(data) == data
        assert proxy.up.forwarded_bytes == proxy.down.forwarded_bytes == len(data)
        assert proxy.accepted == proxy.open_connections == 1

    play(scene)


def test_a_clean_close_passes_and_loses_nothing_on_the_way() -> None:
    async def scene(server: Server, proxy: FaultProxy, client: Client) -> None:
        await client.ask(b"hello")
        client.writer.write_eof()
        assert await client.reader.read() == b"bye"
        await eventually(lambda: proxy.open_connections == 0)
        assert server.ends == ["fin"]

    play(scene)


def test_a_delay_holds_bytes_back_and_keeps_their_order() -> None:
    async def scene(server: Server, proxy: FaultProxy, client: Client) -> None:
        proxy.delay(0.05, "up")
        asked_at = asyncio.get_running_loop().time()
        assert await client.ask(b"first second third") == b"first second third"
        assert asyncio.get_running_loop().time() - asked_at >= 0.05
        assert proxy.up.delayed_chunks >= 1
        assert proxy.down.delayed_chunks == 0

    play(scene)


def test_a_black_hole_takes_bytes_and_neither_forwards_nor_says_goodbye() -> None:
    async def scene(server: Server, proxy: FaultProxy, client: Client) -> None:
        await client.ask(b"seen")
        proxy.black_hole()
        client.writer.write(b"unseen")
        await eventually(lambda: proxy.up.swallowed_bytes == len(b"unseen"))
        client.writer.transport.abort()
        client.writer.close()
        proxy.pass_through()
        await eventually(lambda: server.ends, "the end is told once bytes flow again")
        assert server.received == b"seen"

    play(scene)


def test_a_reset_does_not_come_out_of_a_black_hole() -> None:
    async def scene(server: Server, proxy: FaultProxy, client: Client) -> None:
        await client.ask(b"seen")
        proxy.black_hole()
        client.writer.write_eof()
        client.writer.transport.abort()
        async with connected(proxy) as later:  # long enough for the abort to have arrived
            later.writer.write(b"x")
            await eventually(lambda: proxy.up.swallowed_bytes == 1)
            assert server.ends == []

    play(scene)


def test_a_black_hole_may_swallow_one_direction_only() -> None:
    async def scene(server: Server, proxy: FaultProxy, client: Client) -> None:
        proxy.black_hole("down")
        client.writer.write(b"one way")
        await eventually(lambda: server.received == b"one way")
        await eventually(lambda: proxy.down.swallowed_bytes == len(b"one way"))

    play(scene)


def test_a_cut_resets_both_sides() -> None:
    async def scene(server: Server, proxy: FaultProxy, client: Client) -> None:
        await client.ask(b"hello")
        proxy.cut()
        with pytest.raises(ConnectionResetError):
            await client.reader.read()
        await eventually(lambda: server.ends == ["reset"])
        assert proxy.connections_cut == 1

    play(scene)


def test_a_half_close_ends_one_direction_and_leaves_the_other_open() -> None:
    async def scene(server: Server, proxy: FaultProxy, client: Client) -> None:
        await client.ask(b"hello")
        proxy.half_close("up")
        assert await client.reader.readexactly(3) == b"bye"
        assert server.ends == ["fin"]
        assert (proxy.up.half_closed, proxy.down.half_closed) == (1, 0)

    play(scene)


def test_what_is_still_sent_into_a_half_closed_direction_is_lost_and_breaks_nothing() -> None:
    async def scene(server: Server, proxy: FaultProxy, client: Client) -> None:
        await client.ask(b"hello")
        proxy.half_close("up")
        client.writer.write(b"too late")
        assert await client.reader.readexactly(3) == b"bye"
        assert server.ends == ["fin"]

    play(scene)


def test_dropped_bytes_are_lost_and_the_rest_follows() -> None:
    async def scene(server: Server, proxy: FaultProxy, client: Client) -> None:
        proxy.drop_next(3, "up")
        client.writer.write(b"abcdef")
        assert await client.reader.readexactly(3) == b"def"
        assert proxy.up.dropped_bytes == 3

    play(scene)


def test_a_throttle_makes_bytes_take_their_time_until_it_is_lifted() -> None:
    async def scene(server: Server, proxy: FaultProxy, client: Client) -> None:
        proxy.throttle(10_000, "up")
        asked_at = asyncio.get_running_loop().time()
        await client.ask(b"x" * 2000)
        assert asyncio.get_running_loop().time() - asked_at >= 0.1
        client.writer.write(b"x" * 1_000_000)
        proxy.pass_through()
        await eventually(lambda: proxy.up.forwarded_bytes > 500_000)
        assert proxy.up.throttled_bytes >= 2000

    play(scene)


def test_a_proxy_that_does_not_accept_resets_newcomers_and_keeps_the_others() -> None:
    async def scene(server: Server, proxy: FaultProxy, client: Client) -> None:
        await client.ask(b"hello")
        proxy.accepting = False
        async with connected(proxy) as newcomer:
            with pytest.raises(ConnectionResetError):
                await newcomer.reader.read()
        assert await client.ask(b"still here") == b"still here"
        assert (proxy.accepted, proxy.refused) == (1, 1)

    play(scene)


def test_a_server_that_is_not_there_is_a_reset() -> None:
    async def whole() -> None:
        async with FaultProxy(1) as proxy, connected(proxy) as client:
            with pytest.raises(ConnectionResetError):
                await client.reader.read()

    run(whole())


def test_leaving_ends_every_connection_and_leaves_no_task_behind() -> None:
    async def whole() -> None:
        async with a_server_behind_a_proxy() as (_, proxy), connected(proxy) as client:
            await client.ask(b"hello")
            proxy.black_hole()
            await proxy.__aexit__(None, None, None)
            assert proxy.open_connections == 0
            with pytest.raises(ConnectionResetError):
                await client.reader.read()
        await eventually(lambda: len(asyncio.all_tasks()) == 1)

    run(whole())


def test_outside_its_context_a_proxy_says_what_is_wrong() -> None:
    with pytest.raises(RuntimeError, match="async with"):
        _ = FaultProxy(1).port
