"""``tidewire bench``: how fast is a server, from where its clients are?"""

from __future__ import annotations

import json
import secrets
import time

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from tidewire.cli.deployment import deployment_options, read_token, websocket_url
from tidewire.cli.durations import read_duration
from tidewire.cli.formats import json_option
from tidewire.errors import ConfigError
from tidewire.load.conductor import conduct
from tidewire.load.histogram import Histogram
from tidewire.load.plan import LEAST_PAYLOAD_BYTES, Plan
from tidewire.load.tally import Tally

PERCENTILES = (50.0, 90.0, 99.0, 99.9)
LATE_US = 10_000
"""From here on the generator's own lateness is worth a warning: it is part of every figure."""

TIMES = {
    "delivery": "delivery",
    "acknowledgement": "acknowledgement",
    "connecting": "connecting",
    "returning": "coming back",
    "lateness": "sent late",
}
COUNTS = {
    "subscribers": "subscribers",
    "sent": "sent",
    "acknowledged": "acknowledged",
    "delivered": "delivered",
    "recovered": "recovered",
    "undelivered": "undelivered",
    "gaps": "gaps",
    "skips": "skips",
    "lost_connections": "lost connections",
    "failed_connects": "failed connects",
}


@click.command(short_help="Load a server and time what it does.")
@deployment_options
@click.option(
    "--connections",
    type=click.IntRange(2, 1_000_000),
    default=100,
    show_default=True,
    metavar="INTEGER",
    help="In all, publishers among them; the others subscribe.",
)
@click.option(
    "--publishers",
    type=click.IntRange(1, 10_000),
    default=1,
    show_default=True,
    metavar="INTEGER",
    help="Connections that publish.",
)
@click.option(
    "--rate",
    type=click.FloatRange(0.1, 1_000_000),
    default=10.0,
    show_default=True,
    metavar="NUMBER",
    help="Messages per second in all, sent when they are due whatever the answers (open loop).",
)
@click.option(
    "--payload",
    type=click.IntRange(LEAST_PAYLOAD_BYTES, 1_000_000),
    default=128,
    show_default=True,
    metavar="BYTES",
    help="Size of a message.",
)
@click.option(
    "--for",
    "for_s",
    default="10s",
    show_default=True,
    metavar="DURATION",
    callback=read_duration,
    help="How long to publish: 10s, 5m.",
)
@click.option("--storm", is_flag=True, help="In the middle, cut all subscribers off at once.")
@click.option(
    "--channel", default="lobby", show_default=True, metavar="CHANNEL", help="Where; one for all."
)
@click.option(
    "--processes",
    type=click.IntRange(1, 256),
    default=1,
    show_default=True,
    metavar="INTEGER",
    help="Spread the connections over so many processes.",
)
@json_option
@click.pass_context
def bench(
    context: click.Context,
    /,
    *,
    url: str,
    token: str | None,
    token_file: str | None,
    payload: int,
    as_json: bool,
    **sizes: int,
) -> int:
    """Connect clients, publish at a steady rate, and time every delivery.

    Times are measured from when a message was due to be sent, not from when it was: where
    the server or the network stalls, messages go on falling due, and their whole delay
    counts (no coordinated omission). Ctrl-C ends it early, with the figures so far.
    """
    plan = _checked(
        Plan(
            url=websocket_url(url),
            token=read_token(context.obj, token, token_file),
            run=secrets.token_hex(4),
            payload_bytes=payload,
            **sizes,  # type: ignore[arg-type]
        )
    )
    tally = _conduct(plan, is_quiet=as_json)
    if as_json:
        click.echo(json.dumps(as_plain(tally)))
    else:
        _print(tally)
    return 0 if tally.delivered else 1


def _checked(plan: Plan) -> Plan:
    if plan.publishers >= plan.connections:
        raise ConfigError("--publishers must be fewer than --connections: somebody has to listen")
    if plan.processes > plan.connections:
        raise ConfigError("--processes must not be more than --connections")
    return plan


def _conduct(plan: Plan, *, is_quiet: bool) -> Tally:
    console = Console(stderr=True)
    if is_quiet or not console.is_terminal:
        return conduct(plan)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        return conduct(plan, _Bar(progress, plan.for_s))


class _Bar:
    """Goes with the time, from the first report on."""

    def __init__(self, progress: Progress, for_s: float) -> None:
        self._progress = progress
        self._task = progress.add_task("connecting", total=for_s)
        self._began_s: float | None = None

    def __call__(self, delivered: int) -> None:
        now_s = time.monotonic()
        self._began_s = self._began_s or now_s
        text = f"{delivered:,} delivered"
        self._progress.update(self._task, completed=now_s - self._began_s, description=text)


# -- the figures -----------------------------------------------------------------------------------


def as_plain(tally: Tally) -> dict[str, object]:
    """For ``--json``: counts, and times in milliseconds."""
    counts = {name: getattr(tally, name) for name in COUNTS}
    times = {name: _figures(getattr(tally, name)) for name in TIMES}
    return {**counts, "refusals": dict(tally.refusals), "times_ms": times}


def _figures(histogram: Histogram) -> dict[str, float]:
    percentiles = {f"p{percent:g}": histogram.percentile(percent) / 1000 for percent in PERCENTILES}
    ends = {"max": histogram.max_us / 1000, "mean": round(histogram.mean_us / 1000, 3)}
    return {"count": histogram.count, **percentiles, **ends}


def _print(tally: Tally) -> None:
    console = Console(highlight=False, soft_wrap=True)
    console.print(_times(tally))
    console.print(_counts(tally))
    for code, count in sorted(tally.refusals.items()):
        console.print(f"[yellow]{count:,} publications were refused: {code}[/]")
    if tally.lateness.percentile(99) > LATE_US:
        console.print("[yellow]The load test itself was late: use more --processes.[/]")


def _times(tally: Tally) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("ms")
    heads = [*(f"p{percent:g}" for percent in PERCENTILES), "max"]
    for head in heads:
        table.add_column(head, justify="right")
    for name, title in TIMES.items():
        figures = _figures(getattr(tally, name))
        if figures["count"]:
            table.add_row(title, *(f"{figures[head]:,.2f}" for head in heads))
    return table


def _counts(tally: Tally) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column()
    table.add_column(justify="right")
    for name, title in COUNTS.items():
        table.add_row(title, f"{getattr(tally, name):,}")
    return table
