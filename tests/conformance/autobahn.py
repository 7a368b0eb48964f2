"""Run the Autobahn suite against our echo server and say what deviates::

    python -m tests.conformance.autobahn --cases fast    # 301 cases, half a minute
    python -m tests.conformance.autobahn --cases all     # 517 cases, a quarter of an hour

The echo server is the real connection class with a raised message size and nothing
else changed. Exit codes: 0 as listed in ``allowlist``, 1 a surprise, 3 cannot run here.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from tests.conformance.allowlist import ALLOWED
from tests.conformance.suite import CACHE, SuiteMissingError, Wstest, find_suite, run_cases
from tests.conformance.verdicts import Verdict, read_index, surprises, table
from tests.support.asynchronous import wait_until
from tests.support.processes import free_port
from tests.support.wire import RawConnection

PATH = "/echo"
MAX_MESSAGE_BYTES = 16 * 1024 * 1024
"""The largest message of section 9."""


class Part(NamedTuple):
    """Cases that run against one server. Fewer than ``total`` means the suite stopped early."""

    name: str
    cases: tuple[str, ...]
    total: int
    flags: tuple[str, ...] = ()


FAST = Part("plain", ("1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "9.*", "10.*"), total=301)
COMPRESSION = Part("compressed", ("12.*", "13.*"), total=216, flags=("--compression",))
SELECTIONS = {"fast": (FAST,), "all": (FAST, COMPRESSION)}


def run_part(wstest: Wstest, part: Part) -> list[Verdict]:
    """Start a server for ``part``, run its cases, and end the server."""
    with _echo_server(part.flags) as port:
        return _run_against(wstest, part, port)


def _run_against(wstest: Wstest, part: Part, port: int) -> list[Verdict]:
    folder = CACHE / part.name
    verdicts = read_index(run_cases(wstest, f"ws://127.0.0.1:{port}{PATH}", part.cases, folder))
    if len(verdicts) != part.total:
        raise RuntimeError(f"{len(verdicts)} of {part.total} cases were run: see {folder}")
    return verdicts


@contextmanager
def _echo_server(flags: Sequence[str]) -> Iterator[int]:
    """An echo server on a free port, once a plain handshake with it gives 101."""
    port = free_port()
    command = [sys.executable, "-m", "tidewire.testing.echo", "--port", str(port)]
    command += ["--max-message-bytes", str(MAX_MESSAGE_BYTES), *flags]
    with subprocess.Popen(command) as process:
        try:
            wait_until(lambda: _is_open(process, port), "the echo server gives 101")
            yield port
        finally:
            process.kill()


def _is_open(process: subprocess.Popen[bytes], port: int) -> bool:
    code = process.poll()
    assert code is None, f"the echo server ended with {code} instead of starting"
    try:
        return gives_101(port)
    except OSError:
        return False


def gives_101(port: int) -> bool:
    """A plain handshake succeeds; without that, what the cases say means nothing."""
    with RawConnection(port) as connection:
        response = connection.handshake(path=PATH)
        assert response.status == 101, f"a plain handshake gave {response.status}"
        return True


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.conformance.autobahn")
    parser.add_argument("--cases", choices=SELECTIONS, default="fast")
    parts = SELECTIONS[parser.parse_args(arguments).cases]
    try:
        wstest = find_suite()
    except SuiteMissingError as error:
        print(error, file=sys.stderr)
        return 3
    verdicts = [verdict for part in parts for verdict in run_part(wstest, part)]
    return report(verdicts)


def report(verdicts: list[Verdict]) -> int:
    print(table(verdicts, ALLOWED))
    found = list(surprises(verdicts, ALLOWED))
    print(f"\n{len(verdicts)} cases, {len(found)} not as listed in tests/conformance/allowlist.py")
    for surprise in found:
        print(f"  {surprise}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
