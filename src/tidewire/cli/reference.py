"""Writes the reference pages for settings and commands from the code that they are about.

``python -m tidewire.cli.reference docs/reference`` writes them; a test fails when
they are out of date.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import click

from tidewire.cli.config import as_text
from tidewire.cli.entry import commands
from tidewire.cli.options import SERVER_FLAGS
from tidewire.config.fields import CHANNEL_FIELDS, CHANNELS, FIELDS, SECTIONS, Field

WITH_EVERY_SETTING = "tidewire serve"
SETTING_OPTIONS = {path.replace(".", "__") for path, _ in SERVER_FLAGS}

CONFIGURATION_HEAD = """\
# Configuration

Made from `tidewire.config` by `python -m tidewire.cli.reference docs/reference`.

A value is taken from the first of these that gives it: a flag, an environment variable, a line
of the `--env-file`, the file, the default. The file is `tidewire.toml` in the current directory,
or the table `[tool.tidewire]` of a `pyproject.toml`, or what `--config` names. Each setting is a
key of its section's table, and the environment variable `TIDEWIRE_SECTION__NAME`, in which a list
is separated by commas or written as JSON; `TIDEWIRE_CHANNELS` holds all channel tables as JSON.
Paths start from the current directory. An unknown name is an error. `tidewire config show` prints
every value and where it came from.
"""

COMMANDS_HEAD = """\
# Command line

Made from `tidewire.cli` by `python -m tidewire.cli.reference docs/reference`.

Exit codes: 0 done (for a server also after SIGTERM), 1 failed while running, 2 wrong usage or
configuration, 3 cannot start. A mistake is one sentence on standard error.
"""


def configuration_page() -> str:
    return "\n".join((CONFIGURATION_HEAD, *_sections()))


def _sections() -> Iterator[str]:
    for section, kind in SECTIONS.items():
        title = f"[[{section}]]" if section == CHANNELS else f"[{section}]"
        yield f"## `{title}`\n\n{(kind.__doc__ or '').strip()}\n"
        yield "| setting | default | must be | what it is |\n|---|---|---|---|"
        for field in fields_of(section):
            yield _row(field)
        yield ""


def fields_of(section: str) -> list[Field]:
    known: Mapping[str, Field] = CHANNEL_FIELDS if section == CHANNELS else FIELDS
    return [field for field in known.values() if field.section == section]


def _row(field: Field) -> str:
    default = "(required)" if field.is_required else _code(as_text(field))
    return f"| `{field.name}` | {default} | {field.accepts} | {_cell(field.description)} |"


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def command_line_page() -> str:
    return "\n".join((COMMANDS_HEAD, *_commands(commands, "tidewire")))


def _commands(group: click.Group, path: str) -> Iterator[str]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        full = f"{path} {name}"
        if isinstance(command, click.Group):
            yield from _commands(command, full)
        else:
            yield from _command(command, full)


def _command(command: click.Command, path: str) -> Iterator[str]:
    arguments = "".join(
        f" {parameter.make_metavar(click.Context(command))}"
        for parameter in command.params
        if isinstance(parameter, click.Argument)
    )
    options = [option for option in command.params if isinstance(option, click.Option)]
    usage = f"{path}{' [OPTIONS]' if options else ''}{arguments}"
    yield f"## `{path}`\n\n    {usage}\n\n{_plain(command.help or '')}\n"
    if path != WITH_EVERY_SETTING and _sets_everything(options):
        yield f"Takes every option of `{WITH_EVERY_SETTING}` that sets a setting, and:\n"
        options = [option for option in options if option.name not in SETTING_OPTIONS]
    yield from _table(options)


def _sets_everything(options: Sequence[click.Option]) -> bool:
    return {option.name for option in options} >= SETTING_OPTIONS


def _table(options: Sequence[click.Option]) -> Iterator[str]:
    if options:
        yield "| option | what it does |\n|---|---|"
        yield from (f"| {_names(option)} | {_cell(option.help or '')} |" for option in options)
        yield ""


def _plain(text: str) -> str:
    return " ".join(text.split())


def _names(option: click.Option) -> str:
    value = "" if option.is_flag else f" {option.metavar or 'TEXT'}"
    names = ", ".join((*option.opts, *option.secondary_opts))
    return _cell(f"`{names}{value}`")


def pages() -> dict[str, str]:
    """File name -> text, of every page that is made here."""
    return {"configuration.md": configuration_page(), "command-line.md": command_line_page()}


def main() -> None:
    """Write the pages into the directory that is named."""
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/reference")
    for name, text in pages().items():
        (target / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
