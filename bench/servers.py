"""A server under comparison: what it is told and how it is started. ``catalogue`` lists them."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.prepare import CACHE, NODE, ROOT, UnavailableError

SERVER_CORE, CLIENT_CORE = 0, 1
START_LIMIT_S = 20


@dataclass(frozen=True)
class Launch:
    """What differs from one start to the next."""

    port: int
    second_port: int
    folder: Path
    quiet: bool = False  # no announcements of joins and leaves: they are quadratic
    tls: bool = False

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "PORT": str(self.port),
            "QUIET": "1" if self.quiet else "0",
            "NODE_PATH": str(NODE / "node_modules"),
        }


@dataclass(frozen=True, kw_only=True)
class Server:
    """One server, and the words it understands.

    ``share`` is the part of a workload's messages it is given: the slower ones
    would need minutes for what the fast ones do in a second, and CPU per
    delivery does not depend on it.
    """

    name: str
    title: str
    command: Callable[[Launch], list[str]]
    prepare: Callable[[], None] = lambda: None
    version: Callable[[], str]
    publish: str = '{"type":"chat","text":"%s"}'
    publish_for_answer: str | None = None
    answer: str | None = None
    subscribe: str | None = None  # sent once connected
    ping: str = '{"type":"ping"}'
    pong: str = '"pong"'
    path: str = "/"
    stream_path: str = "/"  # of its event streams, where it has any
    post_path: str = "/"
    post: str = '{"text":"%s"}'
    share: float = 1.0


@dataclass(frozen=True)
class Running:
    server: Server
    pid: int
    port: int


# --- starting and stopping --------------------------------------------------------------------


@contextlib.contextmanager
def running(server: Server, *, quiet: bool = False, tls: bool = False) -> Iterator[Running]:
    """The server, fresh, pinned to its core; gone afterwards with everything it started."""
    folder = CACHE / "run" / server.name
    folder.mkdir(parents=True, exist_ok=True)
    launch = Launch(free_port(), free_port(), folder, quiet, tls)
    with (folder / "log.txt").open("wb") as log:
        process = subprocess.Popen(
            pinned(SERVER_CORE, server.command(launch)),
            env=launch.environment,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            _wait_until_it_listens(process, launch.port, folder / "log.txt")
            yield Running(server, process.pid, launch.port)
        finally:
            # Killed, not asked: a drain would move thousands of clients away for half a minute.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def pinned(core: int, command: list[str]) -> list[str]:
    """On one core, so that server and load generator do not take turns; as it is on one-core
    machines, where that cannot be had."""
    if len(os.sched_getaffinity(0)) <= max(SERVER_CORE, CLIENT_CORE):
        return command
    return ["taskset", "-c", str(core), *command]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_it_listens(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_LIMIT_S
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    lines = log.read_text(errors="replace").strip().splitlines()
    raise UnavailableError(f"it did not start: {lines[-1] if lines else 'no output'}")
