"""A mounted application starts and stops with the server, or says why it cannot."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.asynchronous import run
from tidewire.compose.lifespan import MountedLifespan
from tidewire.errors import StartFailed

SCOPE = {"type": "lifespan", "state": {}}


def test_an_application_is_started_and_stopped_in_order() -> None:
    heard: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        for answer in ("lifespan.startup.complete", "lifespan.shutdown.complete"):
            heard.append((await receive())["type"])
            await send({"type": answer})

    async def scenario() -> None:
        lifespan = MountedLifespan(app, SCOPE)
        await lifespan.start()
        assert heard == ["lifespan.startup"]
        await lifespan.stop()
        assert heard == ["lifespan.startup", "lifespan.shutdown"]

    run(scenario())


def test_an_application_that_cannot_start_says_so_in_its_own_words() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database"})

    with pytest.raises(StartFailed, match="no database"):
        run(MountedLifespan(app, SCOPE).start())


@pytest.mark.parametrize("error", [RuntimeError("only http"), AssertionError()])
def test_an_application_without_a_lifespan_is_served_without_it(error: Exception) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise error

    async def scenario() -> None:
        lifespan = MountedLifespan(app, SCOPE)
        await lifespan.start()
        await lifespan.stop()

    run(scenario())
