"""``tidewire channels``, ``connections``, ``history``, ``presence``: look into a running server."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import click
import msgspec
from msgspec import UNSET
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tidewire.api.calls import Answer, ConnectionFacts, Entry
from tidewire.cli.formats import json_option
from tidewire.cli.remote import connect, remote_options

limit_option = click.option(
    "--limit",
    type=click.IntRange(1, 1_000),
    default=100,
    show_default=True,
    metavar="INTEGER",
    help="At most so many.",
)
after_option = click.option(
    "--after", metavar="NAME", default="", help="On from there: what the last page ended with."
)


@click.command(short_help="List the channels of a running server.")
@click.argument("prefix", default="", metavar="[PREFIX]")
@after_option
@limit_option
@remote_options
@json_option
@click.pass_context
def channels(context: click.Context, prefix: str, after: str, limit: int, as_json: bool) -> None:
    """List the channels that have subscribers or entries, and whose names begin with PREFIX."""
    with connect(context) as api:
        page = api.channels(prefix, after=after, limit=limit)
    rows = [(each.channel, str(each.subscribers)) for each in page.channels]
    show(page, ("Channel", "Subscribers"), rows, as_json=as_json)


@click.command(short_help="List who is connected to a running server.")
@click.option("--user", metavar="ID", help="Only this user's.")
@click.option("--channel", metavar="NAME", help="Only those in this channel.")
@after_option
@limit_option
@remote_options
@json_option
@click.pass_context
def connections(
    context: click.Context,
    *,
    user: str | None,
    channel: str | None,
    after: str,
    limit: int,
    as_json: bool,
) -> None:
    """List the connections of a running server."""
    with connect(context) as api:
        page = api.connections(user=user, channel=channel, after=after, limit=limit)
    heads = ("Client", "User", "Address", "Open for", "Channels")
    show(page, heads, [_connection(each) for each in page.connections], as_json=as_json)


def _connection(facts: ConnectionFacts) -> tuple[str, ...]:
    address = facts.address if isinstance(facts.address, str) else "-"
    channels = ", ".join(facts.channels[:3]) + (", ..." if len(facts.channels) > 3 else "")
    return facts.client_id, facts.user_id, address, f"{facts.seconds:.0f} s", channels


@click.command(short_help="Show who is in a channel.")
@click.argument("channel")
@remote_options
@json_option
@click.pass_context
def presence(context: click.Context, channel: str, as_json: bool) -> None:
    """Show who is in CHANNEL now."""
    with connect(context) as api:
        found = api.presence(channel)
    rows = [(each.user_id, json.dumps(each.info)) for each in found.users]
    counts = f"users: {found.user_count}, clients: {found.client_count}"
    show(found, ("User", "Info"), rows, as_json=as_json, note=counts)


@click.command(short_help="Show a channel's latest entries.")
@click.argument("channel")
@click.option("--reverse", is_flag=True, help="Newest first.")
@limit_option
@remote_options
@json_option
@click.pass_context
def history(context: click.Context, channel: str, reverse: bool, limit: int, as_json: bool) -> None:
    """Show the latest entries of CHANNEL, one JSON object a line."""
    with connect(context) as api:
        page = api.history(channel, limit=limit, reverse=reverse)
    if as_json:
        print_json(page)
        return
    for entry in page.entries:
        click.echo(_line(entry))


def _line(entry: Entry) -> str:
    return msgspec.json.encode(entry).decode()


def print_json(answer: Answer) -> None:
    click.echo(msgspec.json.encode(answer).decode())


def show(
    page: Answer,
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    as_json: bool,
    note: str = "",
) -> None:
    """``page`` as JSON, or its rows as a table that says where the next page begins."""
    if as_json:
        print_json(page)
        return
    table = Table(*heads, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*map(printable, row))
    Console(soft_wrap=True, highlight=False).print(table)
    following: Any = getattr(page, "next", UNSET)
    if note or following is not UNSET:
        click.echo(note or f"more: --after {following}")


def printable(text: str) -> str:
    """``text`` with nothing in it that steers the terminal."""
    shown = "".join(each if each.isprintable() else "?" for each in text)
    return escape(shown)
