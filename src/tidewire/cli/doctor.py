"""``tidewire doctor``: is this machine ready, and with ``--live`` does a server answer?"""

from __future__ import annotations

import json
from collections.abc import Sequence

import click
import msgspec
from rich.console import Console
from rich.markup import escape

from tidewire.cli.examinations import (
    Finding,
    address,
    certificate,
    engine,
    event_loop,
    file_descriptors,
    liveness,
    unsent_limit,
)
from tidewire.cli.formats import json_option
from tidewire.cli.options import load_settings, setting_options, source_options
from tidewire.cli.surroundings import Surroundings
from tidewire.config import check_exposure
from tidewire.errors import ConfigError, StartFailed

COLOURS = {"ok": "green", "warning": "yellow", "failed": "red"}


@click.command(short_help="Is this machine ready, is a server alive?")
@click.option("--live", "url", metavar="URL", help="Only ask this server's /healthz.")
@setting_options("server.host", "server.port", "tls.cert", "tls.key", "engine.url")
@source_options
@json_option
@click.pass_context
def doctor(context: click.Context, url: str | None, as_json: bool) -> int:
    """Look for what keeps the server from running well; exit code 1 where something does."""
    findings = [liveness(url)] if url is not None else examine(context)
    if as_json:
        click.echo(json.dumps(msgspec.to_builtins(findings)))
    else:
        _print(findings)
    return 1 if any(finding.state == "failed" for finding in findings) else 0


def examine(context: click.Context) -> list[Finding]:
    around: Surroundings = context.obj
    try:
        settings = load_settings(context).settings
    except (ConfigError, StartFailed) as error:
        return [Finding("configuration", "failed", str(error))]
    findings = [Finding("configuration", "ok", "can be read")]
    try:
        check_exposure(settings)
    except ConfigError as error:  # an application may still authenticate by itself
        findings = [Finding("configuration", "warning", str(error))]
    return [
        *findings,
        file_descriptors(),
        event_loop(settings.server.loop),
        unsent_limit(),
        address(settings.server),
        certificate(settings, around.clock.time()),
        engine(settings),
    ]


def _print(findings: Sequence[Finding]) -> None:
    console = Console(soft_wrap=True, highlight=False)
    for finding in findings:
        colour = COLOURS[finding.state]
        console.print(f"[{colour}]{finding.state:<8}[/] {finding.name}: {escape(finding.text)}")
