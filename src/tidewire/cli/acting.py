"""``tidewire publish`` and ``kick``: do something on a running server."""

from __future__ import annotations

import json
import sys
from typing import TypedDict

import click
import msgspec

from tidewire.api import Api
from tidewire.api.calls import MAX_BODY_BYTES
from tidewire.api.errors import ApiError
from tidewire.cli.formats import json_option
from tidewire.cli.remote import connect, remote_options
from tidewire.errors import ConfigError


class Named(TypedDict, total=False):
    """One of both."""

    user: str
    client: str


@click.command(short_help="Publish to a channel of a running server.")
@click.argument("channel")
@click.argument("data", metavar="DATA")
@click.option("--once", metavar="KEY", help="Publish once, however often it is repeated.")
@click.option("--about", metavar="KEY", help="The entry's key, for the latest of each.")
@click.option("--user", metavar="ID", help="Who it is said to be from.")
@remote_options
@json_option
@click.pass_context
def publish(
    context: click.Context,
    *,
    channel: str,
    data: str,
    once: str | None,
    about: str | None,
    user: str | None,
    as_json: bool,
) -> None:
    """Publish DATA, which is JSON ("-" reads it from standard input), to CHANNEL."""
    value = parsed(sys.stdin.read(MAX_BODY_BYTES) if data == "-" else data)
    given = {"once": once, "key": about, "user": user}
    options = {name: text for name, text in given.items() if text is not None}
    with connect(context) as api:
        position = api.publish(channel, value, **options)  # type: ignore[arg-type]
    if as_json:
        click.echo(msgspec.json.encode(position).decode())
    else:
        click.echo(f"published as {position.seq} of epoch {position.epoch}")


def parsed(text: str) -> object:
    """An argument that is JSON. Raises ``ConfigError``."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise ConfigError(
            f'DATA is JSON, as in \'{{"text": "hi"}}\' or \'"hi"\', not {text[:40]}'
        ) from None


@click.command(short_help="Put a user or a client out.")
@click.argument("who", metavar="USER|CLIENT")
@click.option("--revoke", is_flag=True, help="Void what they came in with, too; a new login works.")
@click.option("--come-back", is_flag=True, help="Let them connect anew at once.")
@remote_options
@json_option
@click.pass_context
def kick(context: click.Context, who: str, revoke: bool, come_back: bool, as_json: bool) -> None:
    """Close every connection of a user, or a client's one; exit code 1 where there is none.

    A name that is both is a user's, and so is one that nobody who is connected has.
    """
    if revoke and come_back:
        raise ConfigError("--revoke and --come-back exclude each other: give one")
    with connect(context) as api:
        named = _named(api, who)
        count = api.revoke(**named).clients if revoke else api.disconnect(
            **named, come_back=come_back
        )  # fmt: skip
    if not count and not revoke:
        raise ApiError("not_found", f"no user and no client {who} is connected")
    click.echo(json.dumps({"clients": count}) if as_json else f"closed {count}")


def _named(api: Api, who: str) -> Named:
    if api.connections(user=who, limit=1).connections:
        return {"user": who}
    return {"client": who} if api.connections(client=who).connections else {"user": who}
