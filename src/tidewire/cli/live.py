"""Commands that are clients: where the server is, who they are, and a connection that lasts."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import click

from tidewire.cli.deployment import read_token, websocket_url
from tidewire.cli.remote import DEFAULT_URL
from tidewire.cli.surroundings import Surroundings
from tidewire.client import Client, ClientClosed, Waiting, connect
from tidewire.errors import StartFailed

PATIENCE_S = 10.0
"""For the first connection. Once there was one, it comes back for as long as it takes."""


def client_options(function: Any) -> Any:
    """``--url``, ``--token`` and ``--token-file``; the environment where they are not given."""
    for name, metavar, text in (
        ("--token-file", "FILE", "File that holds the token."),
        (
            "--token",
            "TOKEN",
            "Whom to connect as; others on this machine can see it. TIDEWIRE_TOKEN.",
        ),
        ("--url", "URL", f"Where the server is; {DEFAULT_URL} unless given. TIDEWIRE_URL."),
    ):
        function = click.option(name, metavar=metavar, help=text)(function)
    return function


class Target:
    """What the command line says about whom to connect to. Raises ``ConfigError``."""

    def __init__(
        self, context: click.Context, url: str | None, token: str | None, token_file: str | None
    ) -> None:
        around: Surroundings = context.obj
        given = url or around.environment.get("TIDEWIRE_URL") or DEFAULT_URL
        self.url = websocket_url(given)
        self.token = read_token(around, token, token_file)

    def use(self, work: Callable[[Client], Awaitable[None]]) -> None:
        """Run ``work`` with a client that is connected."""
        try:
            asyncio.run(self._use(work))
        except BrokenPipeError:  # whoever read our lines has gone; there is nobody to tell
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    async def _use(self, work: Callable[[Client], Awaitable[None]]) -> None:
        client = connect(self.url, token=self.token)
        async with self._entered(client):
            await work(client)

    def _entered(self, client: Client) -> _Entered:
        return _Entered(client, self.url)


class _Entered:
    """A client that is connected in time, or a failed start that says why."""

    def __init__(self, client: Client, url: str) -> None:
        self._client = client
        self._url = url
        self._reason = "no answer"

    async def __aenter__(self) -> None:
        watching = asyncio.create_task(self._watch())
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._client.__aenter__()
        except TimeoutError:
            raise StartFailed(f"cannot use {self._url}: {self._reason}") from None
        except ClientClosed as closed:
            raise StartFailed(f"cannot use {self._url}: {closed}") from None
        finally:
            watching.cancel()

    async def _watch(self) -> None:
        async for state in self._client.states():
            if isinstance(state, Waiting):
                self._reason = state.reason

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()
