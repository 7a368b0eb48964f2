"""``tidewire config``: the settings in force and where they come from."""

from __future__ import annotations

import json
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.table import Table

from tidewire.cli.formats import json_option
from tidewire.cli.options import load_settings, setting_options, source_options
from tidewire.config import Loaded, Settings
from tidewire.config.fields import CHANNELS_VARIABLE, FIELDS, Field
from tidewire.config.values import schema_of, to_plain

DEFAULT = "default"


@click.group(short_help="Show the settings, and where they come from.")
def config() -> None:
    """Show the settings: their values and where they come from, their schema, their names."""


@config.command()
@setting_options()
@source_options
@json_option
@click.pass_context
def show(context: click.Context, as_json: bool) -> None:
    """Every setting's effective value, and where it was given. Secrets stay hidden."""
    loaded = load_settings(context)
    if as_json:
        click.echo(json.dumps(effective(loaded), indent=2))
        return
    table = Table("Setting", "Value", "From", box=None, pad_edge=False)
    for path, entry in effective(loaded).items():
        table.add_row(path, json.dumps(entry["value"]), entry["from"])
    Console(soft_wrap=True).print(table)


def effective(loaded: Loaded) -> dict[str, dict[str, Any]]:
    """Path -> value and origin, for every setting and for the channels' tables."""
    plain: dict[str, Any] = msgspec.to_builtins(loaded.settings, enc_hook=to_plain)
    paths = {path: plain[field.section][field.name] for path, field in FIELDS.items()}
    paths["channels"] = plain["channels"]
    return {
        path: {"value": value, "from": loaded.origins.get(path, DEFAULT)}
        for path, value in paths.items()
    }


@config.command()
def schema() -> None:
    """The JSON Schema of tidewire.toml, for editors."""
    click.echo(json.dumps(msgspec.json.schema(Settings, schema_hook=schema_of), indent=2))


@config.command()
def env() -> None:
    """Every environment variable with its default, ready to be pasted into an --env-file."""
    for field in FIELDS.values():
        click.echo(f"# {field.description}\n# {field.variable}={as_text(field)}")
    click.echo(f"# Tables of rules for channels, as JSON.\n# {CHANNELS_VARIABLE}=[]")


def as_text(field: Field) -> str:
    """The default as a variable's text."""
    match field.default:
        case None:
            return ""
        case bool() as value:
            return str(value).lower()
        case float() as value:
            return f"{value:g}"
        case tuple() as values:
            return ",".join(str(value) for value in values)
    return str(field.default)
