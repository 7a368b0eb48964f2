"""``tidewire verify``: are the promises kept, while you break your deployment?"""

from __future__ import annotations

import asyncio
import json
import signal
from contextlib import suppress
from pathlib import Path
from random import Random

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from tidewire.cli.deployment import deployment_options, read_token, websocket_url
from tidewire.cli.durations import read_duration
from tidewire.cli.formats import json_option
from tidewire.cli.looking import printable
from tidewire.errors import ConfigError
from tidewire.testing.drill import MAX_OPERATIONS, Drill, Plan, Verdict
from tidewire.testing.history import to_lines
from tidewire.testing.way import Way

REFRESH_S = 0.25
MAX_SHOWN = 50
"""Violations: one cause breaks a promise again and again, and nobody reads the thousandth."""

COUNTED = {
    "acknowledged": "messages answered with their place in the log",
    "unanswered": "may have been published or not",
    "refused": "published nowhere",
    "delivered": "to all subscribers, live",
    "recovered": "to all subscribers, after a lost connection",
    "gaps": "times that a subscriber was told of a gap",
    "skips": "times that a slow subscriber was told what was left out",
    "reconnections": "times that a subscriber asked where it had been",
}


@click.command(short_help="Check every promise while you break your deployment.")
@deployment_options
@click.option(
    "--for",
    "for_s",
    default="1m",
    show_default=True,
    metavar="DURATION",
    callback=read_duration,
    help="How long to publish: 90s, 10m, 2h.",
)
@click.option(
    "--channel",
    "channels",
    multiple=True,
    default=("lobby",),
    show_default=True,
    metavar="CHANNEL",
    help="Where; one of its own is best. Repeatable.",
)
@click.option(
    "--publishers",
    type=click.IntRange(1, 100),
    default=2,
    show_default=True,
    metavar="INTEGER",
    help="Who publish, on connections of their own.",
)
@click.option(
    "--subscribers",
    type=click.IntRange(1, 1000),
    default=3,
    show_default=True,
    metavar="INTEGER",
    help="Who follow every channel.",
)
@click.option(
    "--rate",
    type=click.FloatRange(0.1, 10_000),
    default=20.0,
    show_default=True,
    metavar="NUMBER",
    help="Messages per second, of all publishers together.",
)
@click.option(
    "--record", metavar="FILE", help="Write the history there, a JSON line per operation."
)
@json_option
@click.pass_context
def verify(
    context: click.Context,
    *,
    url: str,
    token: str | None,
    token_file: str | None,
    for_s: float,
    channels: tuple[str, ...],
    publishers: int,
    subscribers: int,
    rate: float,
    record: str | None,
    as_json: bool,
) -> int:
    """Publish, subscribe and check every promise, while you kill, restart and unplug.

    Publishers number their messages, subscribers write down what they are shown, and
    at the end a checker says what was lost, duplicated, reordered or not announced.
    Exit code 0: every promise held. 1: one was broken, or the run could not be judged to
    its end. Ctrl-C ends it early, with the verdict so far.
    """
    plan = Plan(
        channels=tuple(dict.fromkeys(channels)),
        publishers=publishers,
        subscribers=subscribers,
        rate=rate,
        for_s=for_s,
    )
    _check_size(plan)
    chance = Random()  # noqa: S311  # spreads reconnects
    drill = Drill(plan, Way(websocket_url(url), read_token(context.obj, token, token_file), chance))
    verdict = asyncio.run(_run(drill, plan, is_quiet=as_json))
    if record is not None:
        _record(context.obj.directory / record, drill)
    if as_json:
        click.echo(json.dumps(as_plain(verdict)))
    else:
        _print(verdict)
    return 0 if verdict.held else 1


def _check_size(plan: Plan) -> None:
    if plan.operations > MAX_OPERATIONS:
        raise ConfigError(
            f"that makes about {plan.operations:,.0f} operations, and {MAX_OPERATIONS:,} can be "
            "kept until they are judged: lower --rate, --subscribers or --for"
        )


def _record(path: Path, drill: Drill) -> None:
    try:
        with path.open("wb") as file:
            file.writelines(to_lines(drill.history))
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}") from None


# -- meanwhile -------------------------------------------------------------------------------------


async def _run(drill: Drill, plan: Plan, *, is_quiet: bool) -> Verdict:
    _stop_on_signals(drill)
    console = Console(stderr=True)
    if is_quiet or not console.is_terminal:
        return await drill.run()
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        showing = asyncio.create_task(_show(progress, drill, plan.for_s))
        try:
            return await drill.run()
        finally:
            showing.cancel()


def _stop_on_signals(drill: Drill) -> None:
    """The first Ctrl-C asks for the verdict, the second ends at once."""
    loop = asyncio.get_running_loop()

    def stop(number: signal.Signals) -> None:
        loop.remove_signal_handler(number)
        drill.stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError, RuntimeError):  # not everywhere, not in every thread
            loop.add_signal_handler(number, stop, number)


async def _show(progress: Progress, drill: Drill, for_s: float) -> None:
    loop = asyncio.get_running_loop()
    task, began = progress.add_task("", total=for_s), loop.time()
    while True:
        counts = drill.counts
        text = f"{counts.acknowledged:,} acknowledged, {counts.reconnections:,} reconnections"
        progress.update(task, completed=min(for_s, loop.time() - began), description=text)
        await asyncio.sleep(REFRESH_S)


# -- the verdict -----------------------------------------------------------------------------------


def as_plain(verdict: Verdict) -> dict[str, object]:
    """For ``--json``: every violation, as fields and as a sentence."""
    counts = {name: getattr(verdict.counts, name) for name in COUNTED}
    found = [
        {"kind": type(each).__name__, "text": str(each), **msgspec.to_builtins(each)}
        for each in verdict.violations
    ]
    broken = msgspec.to_builtins(verdict.broken)
    return {
        "held": verdict.held,
        **counts,
        **broken,
        "doubts": list(verdict.doubts),
        "violations": found,
    }


def _print(verdict: Verdict) -> None:
    console = Console(highlight=False, soft_wrap=True)
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(justify="left")
    table.add_column(justify="right")
    table.add_column()
    for name, meaning in COUNTED.items():
        table.add_row(name, f"{getattr(verdict.counts, name):,}", f"[dim]{meaning}[/]")
    for name in verdict.broken.__struct_fields__:
        count = getattr(verdict.broken, name)
        table.add_row(name, f"[{'red' if count else 'green'}]{count:,}[/]", "")
    console.print(table)
    _print_findings(console, verdict)


def _print_findings(console: Console, verdict: Verdict) -> None:
    for each in verdict.violations[:MAX_SHOWN]:
        console.print(printable(str(each)), style="red")
    if len(verdict.violations) > MAX_SHOWN:
        console.print(f"... and {len(verdict.violations) - MAX_SHOWN:,} more; --json has them all")
    for doubt in verdict.doubts:
        console.print(printable(doubt), style="yellow")
    console.print(f"[bold]{conclusion(verdict)}[/]")


def conclusion(verdict: Verdict) -> str:
    if verdict.violations:
        return f"broken promises: {len(verdict.violations):,}"
    return "not proven" if verdict.doubts else "every promise held"
