"""An application voids what it issued before."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.asynchronous import run
from tidewire.app import App
from tidewire.errors import TidewireError
from tidewire.security.handshake import Handshake
from tidewire.security.user import User
from tidewire.testing.client import Disconnected
from tidewire.testing.server import serve


def _app() -> App:
    app = App()

    @app.authenticate
    def ada(_: Handshake) -> User:
        return User("ada", session_id="s-1")

    return app


@pytest.mark.parametrize("named", [{"user": "ada"}, {"session": "s-1"}])
def test_whoever_came_in_with_it_is_cut(named: dict[str, str]) -> None:
    app = _app()

    async def scene() -> None:
        async with serve(app) as server:
            client = await server.connect()
            await client.expect("connected")
            assert await app.revoke(**named) == 1  # type: ignore[arg-type]
            with pytest.raises(Disconnected, match="4001"):
                await client.expect("never")

    run(scene())


def test_a_thread_may_ask_for_it_and_wait() -> None:
    app = _app()

    async def scene() -> None:
        async with serve(app):
            assert await asyncio.to_thread(lambda: app.revoke(user="bob").wait()) == 0

    run(scene())


def test_one_thing_is_named() -> None:
    with pytest.raises(ValueError, match="name one of"):
        App().revoke()


def test_without_a_server_nothing_is_revoked() -> None:
    with pytest.raises(TidewireError):
        App().revoke(user="ada")
