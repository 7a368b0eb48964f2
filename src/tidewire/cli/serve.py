"""``tidewire serve [APP]``: run the server until it is told to stop."""

from __future__ import annotations

from pathlib import Path

import click

from tidewire.cli.options import app_of, app_options, load_settings, setting_options, source_options
from tidewire.cli.prepare import prepare, with_quick_drain
from tidewire.cli.reload import RELOADED, serve_reloading
from tidewire.cli.surroundings import Surroundings


@click.command(short_help="Run the server, with or without an application.")
@app_options
@setting_options()
@source_options
@click.option("--reload/--no-reload", "watch", help="Start anew when a file of APP changes.")
@click.option(
    "--reload-dir",
    "directories",
    metavar="DIR",
    multiple=True,
    help="Directory to watch instead of --app-dir. Repeatable.",
)
@click.pass_context
def serve(context: click.Context, watch: bool, directories: tuple[str, ...]) -> int:
    """Run the server, with the application APP ("module:attribute") where one is given."""
    around: Surroundings = context.obj
    is_child = RELOADED in around.environment
    if watch and not is_child:
        watched = [Path(name) for name in directories] or [app_of(context).directory]
        load_settings(context)  # a mistake on the command line is not mended by a changed file
        return serve_reloading(around, watched)
    settings, app = prepare(context)
    return around.serve(
        with_quick_drain(settings) if is_child else settings,
        app,
        read_again=lambda: load_settings(context).settings,
        listening=lambda: None,
    )
