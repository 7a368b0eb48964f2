"""``tidewire types`` and ``asyncapi``: what an application declares, for other programs."""

from __future__ import annotations

import json
from pathlib import Path

import click

from tidewire.app import App
from tidewire.app.asyncapi import asyncapi as asyncapi_document
from tidewire.app.typescript import typescript
from tidewire.cli.apps import load_app
from tidewire.cli.options import app_of, app_options
from tidewire.errors import ConfigError

output_option = click.option(
    "--output", "-o", metavar="FILE", help="Write to FILE instead of standard output."
)


@click.command(short_help="Write an application's types for TypeScript.")
@app_options
@output_option
@click.pass_context
def types(context: click.Context, output: str | None) -> None:
    """Write the types of APP's messages, calls and channels for TypeScript."""
    app, name = _app(context)
    _write(typescript(app.registry, source=name), output)


@click.command(short_help="Write an application's AsyncAPI document.")
@app_options
@output_option
@click.option("--title", metavar="TEXT", help="What it describes; APP's name unless given.")
@click.pass_context
def asyncapi(context: click.Context, output: str | None, title: str | None) -> None:
    """Write the AsyncAPI 3 document of APP's messages, calls and channels."""
    app, name = _app(context)
    document = asyncapi_document(app.registry, title=title or name)
    _write(json.dumps(document, indent=2) + "\n", output)


def _app(context: click.Context) -> tuple[App, str]:
    chosen = app_of(context)
    if chosen.name is None:
        raise click.UsageError("say which application: tidewire types module:app")
    found = load_app(chosen.name, directory=chosen.directory, is_factory=chosen.is_factory)
    if not isinstance(found, App):
        raise ConfigError(f"{chosen.name} is no tidewire.App, so it declares nothing")
    return found, chosen.name


def _write(text: str, output: str | None) -> None:
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        Path(output).write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{output} cannot be written: {error.strerror}") from None
