"""The seed's server on the Python library ``websockets``, with its own ``broadcast``.

``QUIET=1`` leaves out the announcement of joins and leaves, for workloads with
thousands of connections: told to everyone they are quadratic and would be all
that is measured. It runs on uvloop, as Tidewire does.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import time

import uvloop
from websockets.asyncio.server import ServerConnection, broadcast, serve
from websockets.exceptions import ConnectionClosed

QUIET = os.environ.get("QUIET") == "1"

clients: set[ServerConnection] = set()


def announce(message: dict[str, object]) -> None:
    if not QUIET:
        tell_everyone(message)


def tell_everyone(message: dict[str, object]) -> None:
    broadcast(clients, json.dumps(message))


async def answer(websocket: ServerConnection, user_id: str, text: str | bytes) -> None:
    message = json.loads(text)
    match message["type"]:
        case "chat":
            timestamp = int(time.time() * 1000)
            tell_everyone(
                {"type": "chat", "from": user_id, "text": message["text"], "timestamp": timestamp}
            )
        case "ping":
            await websocket.send(json.dumps({"type": "pong"}))


async def attend(websocket: ServerConnection) -> None:
    user_id = secrets.token_hex(4)
    clients.add(websocket)
    welcome = {"type": "connected", "userId": user_id, "userCount": len(clients)}
    await websocket.send(json.dumps(welcome))
    announce({"type": "user_joined", "userId": user_id})
    try:
        with contextlib.suppress(ConnectionClosed):
            async for text in websocket:
                await answer(websocket, user_id, text)
    finally:
        clients.discard(websocket)
        announce({"type": "user_left", "userId": user_id})


async def main() -> None:
    # Its keepalive is off because the load generator answers no pings; compression
    # is off because nobody asks for it.
    port = int(os.environ["PORT"])
    async with serve(
        attend, "127.0.0.1", port, compression=None, ping_interval=None, open_timeout=60
    ) as server:
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
