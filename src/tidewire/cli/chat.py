"""``tidewire chat``: a chat in the terminal."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import AsyncIterator

import click

from tidewire.cli.lines import harmless, said
from tidewire.cli.live import Target, client_options
from tidewire.client import ChannelEvent, Client, CommandRefused, Entry, Gap, NotSent
from tidewire.client import OutcomeUnknown as Unknown
from tidewire.messages import UserJoined, UserLeft

LATEST = 10
"""Of what was said before: a screen's worth of context."""


@click.command(short_help="Chat in a channel of a running server.")
@click.argument("channel", default="lobby", metavar="[CHANNEL]")
@client_options
@click.pass_context
def chat(
    context: click.Context,
    *,
    channel: str,
    url: str | None,
    token: str | None,
    token_file: str | None,
) -> None:
    """Chat in CHANNEL (lobby): a line is a message, the end of input (Ctrl+D) is goodbye."""
    Target(context, url, token, token_file).use(lambda client: _chat(client, channel))


async def _chat(client: Client, channel: str) -> None:
    listening = asyncio.create_task(_listen(client, channel))
    speaking = asyncio.create_task(_speak(client, channel))
    try:
        await asyncio.wait((listening, speaking), return_when=asyncio.FIRST_COMPLETED)
        for task in (listening, speaking):
            if task.done():
                task.result()
    finally:
        for task in (listening, speaking):
            task.cancel()
        await asyncio.wait((listening, speaking))


async def _listen(client: Client, channel: str) -> None:
    async for event in client.channel(channel, rewind=LATEST).events():
        if (line := line_of(event)) is not None:
            click.echo(harmless(line))


def line_of(event: ChannelEvent[object]) -> str | None:
    """What is shown of it, if anything."""
    match event:
        case Entry():
            return f"{event.user_id or '-'}: {said(event)}"
        case Gap():
            return "* something was missed"
        case UserJoined():
            return f"* {event.user_id} is here"
        case UserLeft():
            return f"* {event.user_id} has gone"
    return None


async def _speak(client: Client, channel: str) -> None:
    async for line in _typed():
        try:
            await client.chat(line, channel)
        except (CommandRefused, NotSent, Unknown) as error:
            click.echo(f"* not said: {error}", err=True)


async def _typed() -> AsyncIterator[str]:
    """Lines of standard input. Its thread ends with the process: nothing can interrupt a read."""
    lines: asyncio.Queue[str] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def read() -> None:
        for line in iter(sys.stdin.readline, ""):
            loop.call_soon_threadsafe(lines.put_nowait, line)
        loop.call_soon_threadsafe(lines.put_nowait, "")

    threading.Thread(target=read, name="tidewire-typed", daemon=True).start()
    while line := await lines.get():
        if text := line.strip():
            yield text
