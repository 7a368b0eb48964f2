"""``tidewire top``: who causes the load, again and again."""

from __future__ import annotations

import time

import click
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table

from tidewire.api import Api
from tidewire.api.calls import Share, Shares, TopList
from tidewire.cli.formats import json_option
from tidewire.cli.looking import print_json, printable
from tidewire.cli.remote import connect, remote_options

REFRESH_S = 2.0
"""The server counts in windows of ten seconds: more often would show nothing new."""

MIN_WIDTH = 16


@click.command(short_help="Show who causes most of a running server's load.")
@click.option(
    "--limit",
    type=click.IntRange(1, 100),
    default=10,
    show_default=True,
    metavar="INTEGER",
    help="Of each, so many.",
)
@click.option("--once", is_flag=True, help="Show it once, and end.")
@remote_options
@json_option
@click.pass_context
def top(context: click.Context, limit: int, once: bool, as_json: bool) -> None:
    """Show which users, channels and addresses cause most messages, bytes and errors.

    Of the last ten to twenty seconds. With --json or where nobody watches (the output
    is no terminal) it is shown once.
    """
    console = Console(highlight=False)
    with connect(context) as api:
        if as_json:
            print_json(api.top(limit))
        elif once or not console.is_terminal:
            console.print(screen(api.top(limit)))
        else:
            _watch(api, limit, console)


def _watch(api: Api, limit: int, console: Console) -> None:
    """Until Ctrl-C. Raises ``ApiError`` where the server answers no more."""
    with Live(screen(api.top(limit)), console=console, auto_refresh=False) as live:
        while True:
            time.sleep(REFRESH_S)
            live.update(screen(api.top(limit)), refresh=True)


def screen(found: TopList) -> Group:
    """One table for each subject, a column for each measure; per second."""
    subjects = (("user", found.users), ("channel", found.channels), ("address", found.addresses))
    return Group(*(_table(name, shares, found.seconds) for name, shares in subjects))


def _table(name: str, shares: Shares, seconds: float) -> Table:
    table = Table(box=None, pad_edge=False)
    for measure in ("messages/s", "bytes/s", "errors/s"):
        table.add_column(f"by {name}", min_width=MIN_WIDTH)
        table.add_column(measure, justify="right")
    columns = (shares.messages, shares.bytes, shares.errors)
    for place in range(max(1, *map(len, columns))):
        table.add_row(*(cell for column in columns for cell in _cells(column, place, seconds)))
    return table


def _cells(column: list[Share], place: int, seconds: float) -> tuple[str, str]:
    if place >= len(column):
        return "", ""
    share = column[place]
    return printable(share.key), f"{share.count / seconds:,.1f}"
