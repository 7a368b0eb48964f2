"""MessagePack and JSON side by side on a real server process."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator

import msgspec
import pytest

from tests.support.asynchronous import run
from tests.support.processes import ServerProcess
from tidewire.testing.client import Client, DialectName, Disconnected, connect

CONFIG = """
[auth]
anonymous = true

[[channels]]
pattern = "room:{name}"

[compression]
enabled = true
min_bytes = 200
"""

Scene = Callable[[Client, Client], Awaitable[None]]


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    with ServerProcess(CONFIG) as running:
        yield running


def _play(server: ServerProcess, room: str, scene: Scene, *, compression: bool = False) -> None:
    """``scene`` with one client of each dialect, both subscribed to ``room``."""

    async def whole() -> None:
        async with (
            await _join(server, room, "json", compression=compression) as json,
            await _join(server, room, "msgpack", compression=compression) as msgpack,
        ):
            await scene(json, msgpack)

    run(whole())


async def _join(
    server: ServerProcess, room: str, dialect: DialectName, *, compression: bool
) -> Client:
    url = f"ws://127.0.0.1:{server.port}/ws"
    client = await connect(url, dialect=dialect, compression=compression)
    assert client.is_compressed is compression
    await client.expect("connected", protocol=1)
    await client.request({"type": "subscribe", "channel": room})
    return client


@pytest.mark.parametrize("compression", [False, True], ids=["plain", "deflated"])
def test_subscribers_of_both_dialects_see_the_same_publications(
    server: ServerProcess, compression: bool
) -> None:
    room = f"room:mixed-{compression}"
    said = [{"eur": [1.5, None, "é" * 300], "n": 1}, "short", -7, 2**53]

    async def scene(json: Client, msgpack: Client) -> None:
        for publisher in (json, msgpack):
            for data in said:
                await publisher.request({"type": "publish", "channel": room, "data": data})
        seen = [[await each.expect("message") for _ in range(8)] for each in (json, msgpack)]
        assert seen[0] == seen[1]
        assert [each["data"] for each in seen[0]] == said * 2
        assert [each["seq"] for each in seen[0]] == list(range(1, 9))

    _play(server, room, scene, compression=compression)


def test_bytes_are_base64_for_one_and_bytes_for_the_other_whoever_published_them(
    server: ServerProcess,
) -> None:
    async def scene(json: Client, msgpack: Client) -> None:
        common = {"type": "publish", "channel": "room:bytes"}
        await msgpack.request({**common, "data": b"\xde\xad\xbe\xef"})
        await json.request({**common, "data": "3q2+7w==", "encoding": "base64"})
        for _ in range(2):
            written, packed = await json.expect("message"), await msgpack.expect("message")
            assert (written["data"], written["encoding"]) == ("3q2+7w==", "base64")
            assert packed["data"] == b"\xde\xad\xbe\xef"
            assert "encoding" not in packed

    _play(server, "room:bytes", scene)


def test_what_was_missed_is_recovered_in_messagepack(server: ServerProcess) -> None:
    async def scene(json: Client, msgpack: Client) -> None:
        place = await msgpack.request({"type": "subscribe", "channel": "room:missed"})
        await msgpack.request({"type": "unsubscribe", "channel": "room:missed"})
        await json.request({"type": "publish", "channel": "room:missed", "data": "while away"})
        since = {name: place[name] for name in ("epoch", "seq", "tag")}
        command = {"type": "subscribe", "channel": "room:missed", "since": since}
        answer = await msgpack.request(command)
        assert answer["recovery"] == "complete"
        assert [each["data"] for each in answer["messages"]] == ["while away"]

    _play(server, "room:missed", scene)


def test_the_other_kind_of_frame_closes_either_connection(server: ServerProcess) -> None:
    """Catalogue 48."""
    ping = {"type": "ping"}

    async def scene(json: Client, msgpack: Client) -> None:
        await json.send_raw(msgspec.msgpack.encode(ping))
        await msgpack.send_raw(msgspec.json.encode(ping).decode())
        for client in (json, msgpack):
            with pytest.raises(Disconnected) as ended:
                await client.expect("pong")
            assert ended.value.code == 1003

    _play(server, "room:wrong", scene)


def test_what_is_no_messagepack_is_refused_and_the_connection_lives(server: ServerProcess) -> None:
    """Catalogue 48, 49."""

    async def scene(json: Client, msgpack: Client) -> None:
        for broken in (b"\xc1", b"\x91" * 60_000, b"\x81\xa4type\xa1?"):
            await msgpack.send_raw(broken)
            assert (await msgpack.expect("error"))["code"] == "malformed"
        assert (await msgpack.request({"type": "ping"}))["type"] == "pong"

    _play(server, "room:broken", scene)
