"""MessagePack on other ASGI servers: bytes go in and out as they do on our own."""

from __future__ import annotations

import tidewire
from tests.support.asynchronous import run
from tests.support.foreign import foreign
from tests.support.inprocess import settings_for
from tidewire.testing.client import connect


def test_messagepack_is_spoken_through_another_asgi_server() -> None:
    async def scene() -> None:
        async with foreign(tidewire.App().asgi(settings_for())) as port:
            url = f"ws://127.0.0.1:{port}/ws"
            async with (
                await connect(url, dialect="msgpack") as packed,
                await connect(url) as written,
            ):
                for client in (packed, written):
                    await client.request({"type": "subscribe", "channel": "room:1"})
                command = {"type": "publish", "channel": "room:1", "data": b"\xff"}
                await packed.request(command)
                assert packed.subprotocol == "tidewire.v1.msgpack"
                assert (await packed.expect("message"))["data"] == b"\xff"
                assert (await written.expect("message"))["encoding"] == "base64"

    run(scene())
