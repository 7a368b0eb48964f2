"""``python -m bench.run``: measures the servers round by round and writes the report.

Servers take turns within each round, and each round begins with another one, so
that whatever the machine does meanwhile falls on all of them.
"""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import signal
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
from rich.console import Console
from rich.markdown import Markdown
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench import engines, machine, prepare
from bench.catalogue import SERVERS
from bench.load import LoadError
from bench.prepare import BENCH, CACHE, UnavailableError
from bench.report import write_report
from bench.results import EngineSample, Results, Sample, Skipped, to_json
from bench.servers import Server
from bench.workloads import WORKLOADS, Workload

ROUNDS = 3
QUICK_ROUNDS, QUICK_SCALE = 2, 0.5


@dataclass(frozen=True)
class Plan:
    servers: list[Server]
    workloads: list[Workload]
    rounds: int
    scale: float
    with_engines: bool = True

    def turns(self) -> Iterator[tuple[Workload, Server, int]]:
        for workload in self.workloads:
            taking_part = [one for one in self.servers if one.name in workload.servers]
            for number in range(self.rounds):
                for server in rotated(taking_part, number):
                    yield workload, server, number


def rotated(servers: Sequence[Server], by: int) -> list[Server]:
    """The same servers, another one first."""
    start = by % len(servers) if servers else 0
    return [*servers[start:], *servers[:start]]


class Run:
    """Takes the turns of a plan and keeps what they gave."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._samples: list[Sample] = []
        self._skipped: list[Skipped] = []
        self._versions: dict[str, str] = {}

    def measure(self, console: Console) -> Results:
        prepare.load_generators()
        ready = self._prepare_servers(console)
        plan = Plan(ready, self._plan.workloads, self._plan.rounds, self._plan.scale)
        turns = list(plan.turns())
        with _progress(console) as progress:
            task = progress.add_task("", total=len(turns))
            for workload, server, number in turns:
                progress.update(task, description=f"{workload.name}: {server.name}")
                self._take_turn(workload, server, number)
                progress.advance(task)
        with console.status("the engines by themselves"):
            measured = engines.measure(self._plan.scale) if self._plan.with_engines else []
        return self._results(measured)

    def _prepare_servers(self, console: Console) -> list[Server]:
        ready = []
        for server in self._plan.servers:
            try:
                with console.status(f"preparing {server.name}"):
                    server.prepare()
                    self._versions[server.name] = server.version()
                ready.append(server)
            except UnavailableError as error:
                self._skipped.append(Skipped(server.name, str(error)))
        return ready

    def _take_turn(self, workload: Workload, server: Server, number: int) -> None:
        if any((one.workload, one.server) == (workload.name, server.name) for one in self._skipped):
            return
        try:
            figures = workload.run(server, self._plan.scale)
        except (LoadError, UnavailableError) as error:
            self._skipped.append(Skipped(server.name, str(error), workload.name))
        else:
            self._samples.append(Sample(workload.name, server.name, number, figures))

    def _results(self, measured: list[EngineSample]) -> Results:
        return Results(
            date=datetime.date.today().isoformat(),
            commit=machine.commit(),
            machine=machine.describe(),
            rounds=self._plan.rounds,
            scale=self._plan.scale,
            versions=self._versions,
            samples=self._samples,
            skipped=self._skipped,
            engines=measured,
        )


def _progress(console: Console) -> Progress:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    return Progress(*columns, console=console, transient=True)


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Two benchmarks at a time would measure each other. A SIGTERM still stops what was started."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise click.ClickException("another benchmark is running on this machine") from None
        yield


def save(results: Results, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_bytes(to_json(results))
    (folder / "RESULTS.md").write_text(write_report(results))


def chosen(names: str | None, known: Sequence[str]) -> list[str]:
    """The names of a comma-separated list, or all that are known."""
    wanted = [name.strip() for name in names.split(",")] if names else list(known)
    if unknown := [name for name in wanted if name not in known]:
        raise click.BadParameter(f"{unknown[0]} is none of {', '.join(known)}")
    return wanted


@click.command()
@click.option("--only", metavar="NAMES", help=f"Servers, of: {', '.join(SERVERS)}.")
@click.option("--workloads", metavar="NAMES", help=f"Workloads, of: {', '.join(WORKLOADS)}.")
@click.option("--rounds", type=click.IntRange(1, 100), help=f"Rounds (default {ROUNDS}).")
@click.option("--quick", is_flag=True, help="Half the load, two rounds: a first idea.")
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON.")
def main(
    *, only: str | None, workloads: str | None, rounds: int | None, quick: bool, as_json: bool
) -> None:
    """Measure Tidewire beside its peers.

    A whole run writes bench/RESULTS.md; a part of one (any option above) writes
    .cache/bench/RESULTS.md, so that the committed figures are always of one run.
    """
    servers = [SERVERS[name] for name in chosen(only, list(SERVERS))]
    wanted = [WORKLOADS[name] for name in chosen(workloads, list(WORKLOADS))]
    is_whole = not (only or workloads or rounds or quick)
    count = rounds or (QUICK_ROUNDS if quick else ROUNDS)
    scale = QUICK_SCALE if quick else 1.0
    run = Run(Plan(servers, wanted, count, scale, with_engines=not (only or workloads)))
    with alone():
        results = run.measure(Console(stderr=True))
    save(results, BENCH if is_whole else CACHE)
    if as_json:
        click.echo(to_json(results))
    else:
        Console().print(Markdown(write_report(results)))


if __name__ == "__main__":
    main()
