"""What a server used: CPU seconds and resident memory of a process and its children.

Reads ``/proc`` (see proc(5)); the parsing is pure and tested on text.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
PROC = Path("/proc")

# Fields of /proc/PID/stat, counted from 0 after the command's closing bracket.
PARENT, USER_TICKS, SYSTEM_TICKS, REAPED_USER_TICKS, REAPED_SYSTEM_TICKS = 1, 11, 12, 13, 14


@dataclass(frozen=True)
class Stat:
    """One process as the kernel counts it; ``ticks`` includes children it has reaped."""

    parent: int
    ticks: int


@dataclass(frozen=True)
class Usage:
    """A process tree at one moment."""

    cpu_s: float
    rss_kib: int


def parse_stat(text: str) -> Stat:
    """``/proc/PID/stat``: the command stands in brackets and may hold spaces and brackets."""
    fields = text[text.rindex(")") + 1 :].split()
    counted = (USER_TICKS, SYSTEM_TICKS, REAPED_USER_TICKS, REAPED_SYSTEM_TICKS)
    return Stat(int(fields[PARENT]), sum(int(fields[index]) for index in counted))


def parse_rss_kib(text: str) -> int:
    """``VmRSS`` of ``/proc/PID/status``; a process that is ending has none."""
    for line in text.splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0


def family(pid: int, parents: dict[int, int]) -> set[int]:
    """``pid`` and everything below it, given each process's parent."""
    members = {pid}
    while more := {child for child, parent in parents.items() if parent in members} - members:
        members |= more
    return members


def usage_of(pid: int, proc: Path = PROC) -> Usage:
    stats = _all_stats(proc)
    members = family(pid, {number: stat.parent for number, stat in stats.items()})
    ticks = sum(stats[member].ticks for member in members if member in stats)
    return Usage(ticks / TICKS_PER_S, sum(_rss_kib(member, proc) for member in members))


def _all_stats(proc: Path) -> dict[int, Stat]:
    stats = {}
    for folder in proc.iterdir():
        if folder.name.isdigit() and (text := _read(folder / "stat")):
            stats[int(folder.name)] = parse_stat(text)
    return stats


def _rss_kib(pid: int, proc: Path) -> int:
    return parse_rss_kib(_read(proc / str(pid) / "status"))


def _read(path: Path) -> str:
    """A process may end between being listed and being read."""
    try:
        return path.read_text()
    except OSError:
        return ""
