"""``tidewire version``: what is installed, as a bug report wants it."""

from __future__ import annotations

import json
import platform
from importlib import metadata

import click

from tidewire.cli.formats import json_option

PARTS = ("uvicorn", "uvloop", "msgspec", "httptools", "pyjwt", "cryptography")


@click.command(short_help="Print what is installed.")
@json_option
def version(as_json: bool) -> None:
    """Print the versions of Tidewire, Python and the parts it is made of."""
    versions = {name: _version(name) for name in ("tidewire", *PARTS)}
    versions["python"] = platform.python_version()
    if as_json:
        click.echo(json.dumps(versions))
        return
    own = versions.pop("tidewire")
    parts = ", ".join(f"{name} {number or 'missing'}" for name, number in versions.items())
    click.echo(f"tidewire {own or 'not installed'} ({parts})")


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
