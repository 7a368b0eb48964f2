"""``tidewire subscribe``: follow channels as they grow."""

from __future__ import annotations

import asyncio
import sys
from urllib.parse import unquote

import click

from tidewire.cli.formats import json_option
from tidewire.cli.lines import as_json_line, as_text
from tidewire.cli.live import Target, client_options
from tidewire.client import Client, Entry, Gap, Position, Skip, Waiting
from tidewire.errors import ConfigError


@click.command(short_help="Follow channels of a running server.")
@click.argument("channels", nargs=-1, required=True, metavar="CHANNEL...")
@click.option("--since", metavar="POSITION", help="From there on: epoch:seq:tag, as printed.")
@click.option(
    "--last", type=click.IntRange(1, 300), metavar="INTEGER", help="The latest so many first."
)
@click.option(
    "--count", type=click.IntRange(1), metavar="INTEGER", help="End after so many entries."
)
@client_options
@json_option
@click.pass_context
def subscribe(
    context: click.Context,
    *,
    channels: tuple[str, ...],
    since: str | None,
    last: int | None,
    count: int | None,
    url: str | None,
    token: str | None,
    token_file: str | None,
    as_json: bool,
) -> None:
    """Follow CHANNEL, and further ones: every entry once, in order, through every disconnection.

    Readable on a terminal, one JSON object a line elsewhere. A gap, where something was
    missed for good, is a line of its own.
    """
    if since is not None and len(channels) > 1:
        raise ConfigError("--since is a place in one channel: give one")
    start = None if since is None else position_of(since)
    tail = Tail(count, is_plain=as_json or not sys.stdout.isatty())
    target = Target(context, url, token, token_file)
    target.use(lambda client: tail.follow(client, channels, start, last))


def position_of(text: str) -> Position:
    """What ``epoch:seq:tag`` says; ``epoch`` and ``tag`` are percent-encoded."""
    parts = text.split(":")
    if len(parts) != 3 or not parts[1].isascii() or not parts[1].isdigit():
        raise ConfigError(f"--since is a position as printed, epoch:seq:tag, not {text}")
    return Position(unquote(parts[0]), int(parts[1]), unquote(parts[2]))


class Tail:
    """Prints what channels tell, until it is enough."""

    def __init__(self, count: int | None, *, is_plain: bool) -> None:
        self._left = count
        self._is_plain = is_plain

    async def follow(
        self, client: Client, channels: tuple[str, ...], since: Position | None, last: int | None
    ) -> None:
        reading = [
            asyncio.create_task(self._read(client, name, since, last))
            for name in dict.fromkeys(channels)
        ]
        watching = asyncio.create_task(self._watch(client))
        try:
            done, _ = await asyncio.wait(reading, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in (*reading, watching):
                task.cancel()
            await asyncio.wait((*reading, watching))

    async def _read(
        self, client: Client, name: str, since: Position | None, last: int | None
    ) -> None:
        async for event in client.channel(name, since=since, rewind=last).events():
            if isinstance(event, Entry | Gap | Skip):
                self._print(event)
            if isinstance(event, Entry) and self._left is not None:
                self._left -= 1
            if self._left is not None and self._left <= 0:
                return

    def _print(self, event: Entry[object] | Gap | Skip) -> None:
        if self._left is None or self._left > 0:
            click.echo(as_json_line(event) if self._is_plain else as_text(event))

    async def _watch(self, client: Client) -> None:
        async for state in client.states():
            if isinstance(state, Waiting):
                click.echo(f"tidewire: coming back: {' '.join(state.reason.split())}", err=True)
