"""The machine and the state of the code that a run belongs to."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path

from bench.prepare import ROOT
from bench.results import Machine


def describe() -> Machine:
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return Machine(
        processor=_processor(),
        cores=os.cpu_count() or 1,
        memory_gib=round(pages / 2**30, 1),
        system=f"{platform.system()} {platform.release().split('-')[0]}",
    )


def commit() -> str:
    """The commit measured; ``+`` when files that are tracked have changed since."""
    name = _git("rev-parse", "--short", "HEAD")
    changed = _git("status", "--porcelain", "--untracked-files=no", "src")
    return f"{name}{'+' if changed else ''}" if name else "unknown"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _git(*words: str) -> str:
    done = subprocess.run(
        ["git", *words], cwd=ROOT, capture_output=True, text=True, timeout=30, check=False
    )
    return done.stdout.strip()
