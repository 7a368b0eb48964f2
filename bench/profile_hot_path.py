"""Where the server's time goes under a load: by Python function, and by library.

``python -m bench.profile_hot_path`` samples a running Tidewire with py-spy (by
function; a call into C counts for the Python function that made it) and, where
the kernel allows it, with perf (by library: kernel, interpreter, uvloop,
msgspec). Sampling from outside, because a tracing profiler would charge most
to what is called most. Prints two Markdown tables.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from bench import prepare
from bench.catalogue import TIDEWIRE
from bench.load import ENDLESS, FanOut, endless_churn, go, waiting_fan
from bench.prepare import CACHE, UnavailableError
from bench.report import table
from bench.servers import CLIENT_CORE, pinned, running
from bench.workloads import UNFINISHED_HANDSHAKES, write_tokens

SAMPLES_PER_S = 250
ROWS = 24
EVERYWHERE = 0.98
"""Functions on nearly every stack (``main``, the loop) say nothing when ranked inclusively."""

CONNECTS = "connect-storm"
LOADS = {
    "busy-room": FanOut(100, 100, 100, ENDLESS, TIDEWIRE.publish),
    "busy-room-answered": FanOut(
        100, 100, 100, ENDLESS, TIDEWIRE.publish_for_answer or "", TIDEWIRE.answer
    ),
    "subscribers-500": FanOut(500, 1, 32, ENDLESS, TIDEWIRE.publish),
    "one-at-a-time": FanOut(1_000, 1, 1, ENDLESS, TIDEWIRE.publish, longest_warm_up=100),
    "own-pipeline": FanOut(1, 1, 32, ENDLESS, TIDEWIRE.publish),
}


@dataclass(frozen=True)
class Profile:
    """Samples per function: while it ran itself, and while it or what it called ran."""

    itself: Counter[str]
    inclusive: Counter[str]


def by_function(stacks: Iterable[str]) -> Profile:
    """Of py-spy's collapsed stacks: ``outer;inner;innermost 12``."""
    profile = Profile(Counter(), Counter())
    for line in stacks:
        stack, _, count = line.rstrip().rpartition(" ")
        functions = [_short(frame) for frame in stack.split(";")]
        profile.itself[functions[-1]] += int(count)
        for function in set(functions):  # once, however deep a recursion
            profile.inclusive[function] += int(count)
    return profile


def _short(frame: str) -> str:
    """``flush (/a/b/src/tidewire/hub.py:12)`` as ``tidewire/hub.py flush``."""
    name, _, place = frame.rpartition(" (")
    file = place.rstrip(")").rpartition(":")[0]
    inside = file.rpartition("/src/")[2].rpartition("site-packages/")[2]
    return f"{inside or 'interpreter'} {name}"


def by_library(report: Iterable[str]) -> list[tuple[str, float]]:
    """``perf report --sort dso``: a percentage and a name in each line that is no comment."""
    cells = (line.split(None, 1) for line in report if line.strip() and not line.startswith("#"))
    return [(name.strip(), float(share.rstrip("%"))) for share, name in cells]


def functions_table(profile: Profile, *, inclusive: bool = False) -> str:
    total = profile.itself.total()
    below_all = {name: n for name, n in profile.inclusive.items() if n < total * EVERYWHERE}
    ranked = Counter(below_all) if inclusive else profile.itself
    rows = [
        (name, f"{profile.itself[name] / total:.1%}", f"{profile.inclusive[name] / total:.1%}")
        for name, _ in ranked.most_common(ROWS)
    ]
    return table(("function", "itself", "with what it calls"), rows)


def libraries_table(shares: list[tuple[str, float]]) -> str:
    return table(("library", "of the time"), [(name, f"{share:.1f}%") for name, share in shares])


def record_functions(pid: int, seconds: int) -> list[str]:
    output = CACHE / "stacks.txt"
    options = ["--format", "raw", "--function", "--rate", str(SAMPLES_PER_S)]
    _run([str(py_spy()), "record", *options, "-d", str(seconds), "-o", str(output), "-p", str(pid)])
    return output.read_text().splitlines()


def record_libraries(pid: int, seconds: int) -> list[str]:
    output = str(CACHE / "perf.data")
    perf = prepare.find("perf")
    _run([perf, "record", "-q", "-o", output, "-p", str(pid), "--", "sleep", str(seconds)])
    report = _run(
        [perf, "report", "-i", output, "--stdio", "--sort", "dso", "--percent-limit", "1"]
    )
    return report.splitlines()


def py_spy() -> Path:
    """py-spy is not a dependency of anything: fetched when it is wanted."""
    folder = CACHE / "py-spy"
    program = folder / "bin" / "py-spy"
    if not program.exists():
        _run([sys.executable, "-m", "pip", "install", "-q", "--target", str(folder), "py-spy"])
    return program


def _run(command: list[str]) -> str:
    """Beside the load generator, not on the server's core."""
    done = subprocess.run(
        pinned(CLIENT_CORE, command), capture_output=True, text=True, timeout=300, check=False
    )
    if done.returncode != 0:
        raise UnavailableError(done.stderr.strip() or f"{command[0]} failed")
    return done.stdout


@contextlib.contextmanager
def server_under(workload: str) -> Iterator[int]:
    """The process id of a Tidewire that is busy for as long as the block lasts."""
    with running(TIDEWIRE) as target:
        if workload == CONNECTS:
            with endless_churn(target, UNFINISHED_HANDSHAKES, write_tokens(5_000)):
                yield target.pid
        else:
            with waiting_fan(target, LOADS[workload]) as generator:
                go(generator)
                yield target.pid


@click.command()
@click.option("--workload", type=click.Choice([*LOADS, CONNECTS]), default="busy-room")
@click.option("--seconds", type=click.IntRange(1, 25), default=8, help="Of each of the two.")
@click.option("--inclusive", is_flag=True, help="Rank by what a function and all it calls took.")
def main(*, workload: str, seconds: int, inclusive: bool) -> None:
    """Print where the server's time goes under a workload."""
    prepare.load_generators()
    with server_under(workload) as pid:
        profile = by_function(record_functions(pid, seconds))
        click.echo(functions_table(profile, inclusive=inclusive))
        click.echo("")
        try:
            click.echo(libraries_table(by_library(record_libraries(pid, seconds))))
        except UnavailableError as error:
            click.echo(f"By library: not measured ({error}).")


if __name__ == "__main__":
    main()
