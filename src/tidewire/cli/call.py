"""``tidewire call``: ask a running server's application something."""

from __future__ import annotations

import json
import sys

import click

from tidewire.cli.acting import parsed
from tidewire.cli.live import Target, client_options
from tidewire.client import Client

MAX_DATA_BYTES = 1024 * 1024
"""Read of standard input; a server takes far less, and says so."""


@click.command(short_help="Call a method of a running server's application.")
@click.argument("method")
@click.argument("data", default="null", metavar="[DATA]")
@client_options
@click.pass_context
def call(
    context: click.Context,
    *,
    method: str,
    data: str,
    url: str | None,
    token: str | None,
    token_file: str | None,
) -> None:
    """Call METHOD with DATA, which is JSON ("-" reads it from standard input); prints the answer.

    Exit code 1 where the application refuses, with its reason.
    """
    value = parsed(sys.stdin.read(MAX_DATA_BYTES) if data == "-" else data)
    target = Target(context, url, token, token_file)

    async def ask(client: Client) -> None:
        click.echo(json.dumps(await client.call(method, value), ensure_ascii=False))

    target.use(ask)
