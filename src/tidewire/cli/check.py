"""``tidewire check``: would ``serve`` start with this configuration?"""

from __future__ import annotations

import json

import click

from tidewire.cli.formats import json_option
from tidewire.cli.options import app_options, setting_options, source_options
from tidewire.cli.prepare import prepare
from tidewire.errors import ConfigError, StartFailed


@click.command(short_help="Check the configuration as serve would.")
@app_options
@setting_options()
@source_options
@json_option
@click.pass_context
def check(context: click.Context, as_json: bool) -> int:
    """Check the configuration (and import APP) as serve would; exit code 2 where it is wrong."""
    try:
        prepare(context)
    except (ConfigError, StartFailed) as error:
        if not as_json:
            raise
        click.echo(json.dumps({"ok": False, "error": str(error)}))
        return 2 if isinstance(error, ConfigError) else 3
    click.echo(json.dumps({"ok": True}) if as_json else "The configuration is fine.")
    return 0
