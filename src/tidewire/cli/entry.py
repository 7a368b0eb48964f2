"""The command line's front: the list of commands, and every mistake as one sentence.

Exit codes: 0 done, 1 failed while running, 2 wrong usage or configuration,
3 cannot start.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace

import click

from tidewire.cli.check import check
from tidewire.cli.config import config
from tidewire.cli.demo import demo
from tidewire.cli.doctor import doctor
from tidewire.cli.serve import serve
from tidewire.cli.surroundings import Surroundings
from tidewire.cli.token import token
from tidewire.cli.version import version
from tidewire.errors import ConfigError, StartFailed, TidewireError

FAILED = 1
WRONG_USAGE = 2
CANNOT_START = 3
INTERRUPTED = 130


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.pass_context
def commands(context: click.Context) -> None:
    """Every screen gets every message once, in order, or is told exactly what it missed."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


for command in (serve, demo, token, check, config, doctor, version):
    commands.add_command(command)


def main(arguments: Sequence[str] | None = None, around: Surroundings | None = None) -> int:
    """Run one command. Returns its exit code; nothing but a fault of ours raises."""
    given = tuple(sys.argv[1:] if arguments is None else arguments)
    around = replace(around or Surroundings(), arguments=given)
    try:
        code = commands.main(
            args=list(given), prog_name="tidewire", standalone_mode=False, obj=around
        )
    except (click.ClickException, TidewireError) as error:
        return _report(error)
    except (KeyboardInterrupt, click.Abort):
        return INTERRUPTED
    return code if isinstance(code, int) else 0


def _report(error: click.ClickException | TidewireError) -> int:
    """One sentence on standard error, without the usage text around it."""
    is_usage = isinstance(error, click.ClickException)
    text = error.format_message() if isinstance(error, click.ClickException) else str(error)
    click.echo(f"tidewire: {' '.join(text.split())}", err=True)
    if is_usage or isinstance(error, ConfigError):
        return WRONG_USAGE
    return CANNOT_START if isinstance(error, StartFailed) else FAILED
