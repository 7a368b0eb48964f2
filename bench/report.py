"""RESULTS.md, made from the results and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bench.catalogue import SERVERS
from bench.results import EngineSample, Results, Skipped, Spread
from bench.targets import DURABLE_PER_S, Verdict, verdicts
from bench.workloads import WORKLOADS, Workload

HEADINGS = {
    "cpu_us": "CPU us per delivery",
    "deliveries_per_s": "deliveries/s",
    "p50_ms": "p50 ms",
    "p99_ms": "p99 ms",
    "max_ms": "longest ms",
    "rss_mib": "RSS MiB",
    "kib_per_connection": "KiB per connection",
    "connects_per_s": "connects/s",
    "cpu_ms_per_connect": "CPU ms per connect",
    "growth_kib": "growth KiB",
    "cpu_ms_per_client": "CPU ms per client",
    "cpu_s": "CPU s in all",
    "seconds": "seconds until the last",
}

COMPARED_WITH = ("bun", "centrifuge", "ws")

INTRODUCTION = """\
# Results

Made by `make bench`; [README.md](README.md) says how to repeat it and how to compare fairly.
Tidewire ran with everything on (validation, limits, history of 100, metrics, heartbeats); only
the rates per client and the connections per address and per user were lifted, because the load
generator is one client ([tidewire.toml](tidewire.toml)). Each figure is the median over the
rounds, with the least and the most in brackets."""

MEANING = """\
## What the figures mean

- **CPU us per delivery**: the server's user and system time over the load, by the number of
  messages that reached a subscriber. The figure to compare by: it hardly depends on what else
  the machine does.
- **deliveries/s**: by the clock, with the server on one core and the load generator on another.
  The generator's own speed is part of it.
- **p50, p99 ms**: from the moment a message was sent to the moment it was read, both in the
  generator, sampled on 16 connections. In a deep pipeline that is mostly the queue.
- **RSS**: resident memory, of all processes of the server.
- **KiB per connection**: resident memory gained by opening connections, divided by them.
- **CPU ms per connect**: the server's CPU from the TCP connection to the 101 and the welcome."""


def write_report(results: Results) -> str:
    sections = [
        INTRODUCTION,
        _about_the_run(results),
        _targets(verdicts(results)),
        *(_workload(workload, results) for workload in measured_workloads(results)),
        _engines(results.engines),
        _skipped(results.skipped),
        MEANING,
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def measured_workloads(results: Results) -> list[Workload]:
    measured = {sample.workload for sample in results.samples}
    return [workload for name, workload in WORKLOADS.items() if name in measured]


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; every column but the first is of numbers."""
    rule = ["---", *["---:"] * (len(headings) - 1)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (headings, rule, *rows))


def show(number: float) -> str:
    """Three significant digits, and no more of large numbers than is worth reading."""
    if abs(number) >= 1_000:
        return f"{number:,.0f}"
    return f"{number:.3g}"


def show_spread(spread: Spread | None) -> str:
    if spread is None:
        return "-"
    if spread.least == spread.most:
        return show(spread.median)
    return f"{show(spread.median)} ({show(spread.least)}-{show(spread.most)})"


def _about_the_run(results: Results) -> str:
    machine = results.machine
    versions = table(
        ("server", "version"),
        ((SERVERS[name].title, text) for name, text in results.versions.items()),
    )
    part = "" if results.scale == 1 else f", at {results.scale:g} of the full size"
    return (
        f"{results.date}, commit {results.commit}, {results.rounds} rounds{part}. "
        f"{machine.processor}, {machine.cores} cores, {machine.memory_gib:.0f} GiB, "
        f"{machine.system}.\n\n{versions}"
    )


def _targets(found: list[Verdict]) -> str:
    met = sum(verdict.is_met for verdict in found)
    rows = (
        (
            verdict.target.promise,
            _with_unit(verdict.target.limit, verdict),
            "-" if verdict.measured is None else _with_unit(verdict.measured, verdict),
            verdict.in_words,
        )
        for verdict in found
    )
    heading = f"## Targets: {met} of {len(found)} met"
    return f"{heading}\n\n{table(('target', 'at most', 'measured', 'verdict'), rows)}"


def _with_unit(number: float, verdict: Verdict) -> str:
    unit = verdict.target.unit
    return show(number) + (unit if unit == "x" else f" {unit}")


def _workload(workload: Workload, results: Results) -> str:
    rows = [
        _row(workload, server, results)
        for server in workload.servers
        if results.spread(workload.name, server, workload.figure)
    ]
    headings = ("server", *(HEADINGS[column] for column in workload.columns))
    parts = [f"## {workload.title}", workload.about, table(headings, rows)]
    return "\n\n".join([*parts, *_ratios(workload, results)])


def _row(workload: Workload, server: str, results: Results) -> list[str]:
    title = SERVERS[server].title
    cells = (results.spread(workload.name, server, column) for column in workload.columns)
    name = f"**{title}**" if server == "tidewire" else title
    return [name, *(show_spread(cell) for cell in cells)]


def _ratios(workload: Workload, results: Results) -> list[str]:
    """Tidewire by each of the three peers that the promises name."""
    found = [
        f"{ratio:.2g}x {SERVERS[peer].title}"
        for peer in COMPARED_WITH
        if (ratio := results.ratio(workload.name, workload.figure, "tidewire", peer)) is not None
    ]
    heading = HEADINGS[workload.figure]
    return [f"{heading}, Tidewire's by the others': {'; '.join(found)}."] if found else []


def _engines(samples: list[EngineSample]) -> str:
    if not samples:
        return ""
    about = (
        "Each engine by itself (`bench/engines.py`), histories of 1,000, once. A batch is"
        " what was acknowledged together: with SQLite one transaction, and one fsync."
    )
    best = max((each.per_s for each in samples if each.engine == "sqlite"), default=0.0)
    verdict = (
        f"Promised: {show(DURABLE_PER_S)} acknowledged durable publications per second;"
        f" {'met' if best >= DURABLE_PER_S else '**missed**'} with {show(best)} at best."
    )
    return "\n\n".join(["## Engines", about, engine_table(samples), verdict])


def engine_table(samples: Iterable[EngineSample]) -> str:
    headings = ("engine", "in flight", "channels", "acknowledged/s", "a batch", "p50 ms", "p99 ms")
    return table(
        (*headings, "CPU us each"),
        (
            (each.engine, show(each.in_flight), show(each.channels), show(each.per_s),
             show(each.batch), show(each.p50_ms), show(each.p99_ms), show(each.cpu_us))
            for each in samples
        ),
    )  # fmt: skip


def _skipped(skipped: list[Skipped]) -> str:
    if not skipped:
        return ""
    lines = (
        f"- {SERVERS[one.server].title}{f', {one.workload}' if one.workload else ''}: {one.reason}"
        for one in skipped
    )
    return "\n".join(["## Not measured", "", *lines])
