"""Coins: a small game. Walk over a field that is shared by all of a room, and collect."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Annotated

from msgspec import Meta
from starlette.applications import Starlette
from starlette.responses import FileResponse
from starlette.routing import Route

from tidewire import App, Client, Handshake, Message, Refused, User

SIZE = 20
Place = Annotated[int, Meta(ge=0, lt=SIZE)]

app = App()
coins: dict[str, tuple[int, int]] = {}  # by room, while somebody is in it
scores: dict[str, int] = {}


class Move(Message, type="move"):
    """Somebody is here now."""

    x: Place
    y: Place


class Coin(Message, type="coin"):
    """The room's coin lies here."""

    x: Place
    y: Place


class Scored(Message, type="scored"):
    """Sent to the one who has found a coin."""

    score: int


game = app.channel("game:{room}", Move, Coin, latest=True, subscribe="nobody", publish="nobody")
app.sends(Scored)


@app.authenticate(inline=True)
def who(handshake: Handshake) -> User | None:
    """Anybody may be anybody here: put your own session in its place."""
    name = handshake.query.get("name", "").strip()
    return User(name) if name else None


@app.on_connect
async def enter(client: Client) -> None:
    client.state.room = None


@app.call("join")
async def join(client: Client, room: Annotated[str, Meta(min_length=1, max_length=30)]) -> None:
    """Go into a room; where everybody is comes with the subscription."""
    client.state.room = game(room)
    await client.subscribe(client.state.room.name)


@app.on(Move)
async def move(client: Client, move: Move) -> None:
    room = client.state.room
    if room is None:
        raise Refused("join a room first")
    name = client.user.id
    await room.publish(move, key=name, user_id=name, exclude=client)
    if coins.get(room.name) == (move.x, move.y):
        scores[name] = scores.get(name, 0) + 1
        client.send(Scored(scores[name]))
        await drop_coin(room.name)


@app.on_unsubscribe("game:{room}")
async def leave(client: Client, channel: str) -> None:
    """Whoever has left the room, or the server, is nowhere any more."""
    await app.publish(channel, key=client.user.id, op="remove")


@app.call("score")
def score(client: Client, player: str) -> int:
    """How many coins somebody has found."""
    return scores.get(player, 0)


@app.on_occupied("game:{room}")
async def open_room(channel: str) -> None:
    await drop_coin(channel)


@app.on_vacated("game:{room}")
async def close_room(channel: str) -> None:
    coins.pop(channel, None)


@app.every(5)
async def move_coins() -> None:
    """A coin that nobody has found in time is elsewhere."""
    for channel in list(coins):
        await drop_coin(channel)


async def drop_coin(channel: str) -> None:
    x, y = coins[channel] = random.randrange(SIZE), random.randrange(SIZE)  # noqa: S311
    await app.publish(channel, Coin(x, y), key="coin")


async def page(request: object) -> FileResponse:
    return FileResponse(Path(__file__).with_name("page.html"))


app.mount(Starlette(routes=[Route("/", page)]))
