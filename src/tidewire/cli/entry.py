"""The command line's front: the list of commands, and every mistake as one sentence.

Exit codes: 0 done, 1 failed while running, 2 wrong usage or configuration,
3 cannot start.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module, metadata

import click

from tidewire.cli.surroundings import Surroundings
from tidewire.errors import ConfigError, StartFailed, TidewireError

FAILED = 1
WRONG_USAGE = 2
CANNOT_START = 3
INTERRUPTED = 130


COMMANDS: dict[str, str] = {
    "serve": "tidewire.cli.serve:serve",
    "demo": "tidewire.cli.demo:demo",
    "token": "tidewire.cli.token:token",
    "api-key": "tidewire.cli.api_key:api_key",
    "types": "tidewire.cli.describe:types",
    "asyncapi": "tidewire.cli.describe:asyncapi",
    "check": "tidewire.cli.check:check",
    "config": "tidewire.cli.config:config",
    "doctor": "tidewire.cli.doctor:doctor",
    "subscribe": "tidewire.cli.subscribe:subscribe",
    "call": "tidewire.cli.call:call",
    "chat": "tidewire.cli.chat:chat",
    "publish": "tidewire.cli.acting:publish",
    "history": "tidewire.cli.looking:history",
    "presence": "tidewire.cli.looking:presence",
    "channels": "tidewire.cli.looking:channels",
    "connections": "tidewire.cli.looking:connections",
    "kick": "tidewire.cli.acting:kick",
    "top": "tidewire.cli.top:top",
    "verify": "tidewire.cli.verify:verify",
    "bench": "tidewire.cli.bench:bench",
    "version": "tidewire.cli.version:version",
}
"""In the order of the help, and where each is. Loaded when it is asked for: all of them together
take 0.4 s, of which ``version`` needs a tenth."""


class Commands(click.Group):
    """The commands by their names, each loaded when it is first used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        place = COMMANDS.get(cmd_name)
        if place is None:
            return None
        module, _, name = place.partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command


def _print_version(context: click.Context, _: click.Parameter, is_asked: bool) -> None:
    if is_asked:
        click.echo(f"tidewire {metadata.version('tidewire')}")
        context.exit()


@click.group(
    cls=Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Print the version and end.",
)
@click.pass_context
def commands(context: click.Context) -> None:
    """Every screen gets every message once, in order, or is told exactly what it missed."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def main(arguments: Sequence[str] | None = None, around: Surroundings | None = None) -> int:
    """Run one command. Returns its exit code; nothing but a fault of ours raises."""
    given = tuple(sys.argv[1:] if arguments is None else arguments)
    around = replace(around or Surroundings(), arguments=given)
    try:
        code = commands.main(
            args=list(given), prog_name="tidewire", standalone_mode=False, obj=around
        )
    except click.exceptions.NoArgsIsHelpError as error:  # a group without its subcommand
        click.echo(error.format_message())
        return 0
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
