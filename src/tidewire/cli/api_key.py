"""``tidewire api-key``: make a key for the HTTP API."""

from __future__ import annotations

import json
import secrets

import click

from tidewire.cli.formats import json_option
from tidewire.security.api_keys import line_of, make_key


@click.group(name="api-key", short_help="Make a key for the HTTP API.")
def api_key() -> None:
    """Make a key for the HTTP API."""


@api_key.command()
@click.option(
    "--name", default="backend", show_default=True, help="What logs call whoever uses the key."
)
@json_option
def create(name: str, as_json: bool) -> None:
    """Print a new key, once, and the line for `api.keys` that lets it in.

    The key is the backend's; the line, which holds its hash only, is the server's.
    """
    key = make_key(secrets.token_bytes)
    line = line_of(name, key)
    if as_json:
        click.echo(json.dumps({"key": key, "line": line}))
        return
    click.echo(f"key, for the backend (TIDEWIRE_API_KEY), not shown again:\n  {key}")
    click.echo(f'for the server, in tidewire.toml:\n  [api]\n  keys = ["{line}"]')
