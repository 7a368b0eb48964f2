"""Runs the load generators against a running server and measures it meanwhile."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypeAlias

from bench.measure import usage_of
from bench.prepare import BIN
from bench.servers import CLIENT_CORE, Running, pinned

Figures: TypeAlias = dict[str, float]

PATIENCE_S = 180
"""The longest a generator may take in all; its own limits are shorter."""

ENDLESS = 10_000_000
"""More than any profile lasts; the generator is stopped with it."""


class LoadError(Exception):
    """The server lost messages or connections, or was too slow. ``str(error)`` says which."""


@dataclass(frozen=True)
class FanOut:
    """What ``fan`` does: see its header for the options."""

    connections: int
    publishers: int
    window: int
    messages: int
    publish: str
    answer: str | None = None
    limit_s: float = 60
    longest_warm_up: int = 10_000

    def options(self) -> list[str]:
        # A tenth of the load first, unmeasured: just-in-time compilers and caches warm up.
        numbers = {
            "-n": self.connections,
            "-k": self.publishers,
            "-w": self.window,
            "-m": self.messages,
            "-z": min(self.messages // 10, self.longest_warm_up),
            "-t": self.limit_s,
        }
        words = [word for option, value in numbers.items() for word in (option, str(value))]
        return [*words, "-P", self.publish, *(("-A", self.answer) if self.answer else ())]


@dataclass(frozen=True)
class Measured:
    """What the generator saw, and what the server used meanwhile."""

    seen: Figures
    cpu_s: float
    rss_kib: int


def fan(running: Running, load: FanOut) -> Measured:
    with waiting_fan(running, load) as generator:
        before = usage_of(running.pid)
        go(generator)
        seen = figures(generator)
        after = usage_of(running.pid)
    if seen["delivered"] != seen["expected"]:
        raise LoadError(f"{seen['delivered']:,.0f} of {seen['expected']:,.0f} deliveries arrived")
    return Measured(seen, after.cpu_s - before.cpu_s, after.rss_kib)


def probe_during(running: Running, load: FanOut, count: int, rate: float) -> Figures:
    """What ``probe`` sees while ``fan`` keeps the server busy."""
    with waiting_fan(running, load) as busy:
        go(busy)
        seen = pings(running, count, rate)
        if busy.poll() is not None:
            raise LoadError("the load ended before the pings did")
    return seen


@contextlib.contextmanager
def storm(
    running: Running, connections: int, window: int, tokens: Path | None = None
) -> Iterator[Figures]:
    """All connections open and held for as long as the block lasts."""
    words = ["-m", str(connections), "-w", str(window)]
    if tokens:
        words += ["-T", str(tokens)]
    with _generator("storm", running, words) as generator:
        yield _all_opened(figures(generator))


@contextlib.contextmanager
def endless_churn(running: Running, window: int, tokens: Path) -> Iterator[None]:
    """Connections with a token opened and closed for as long as the block lasts."""
    words = ["-m", str(ENDLESS), "-w", str(window), "-c", "-T", str(tokens)]
    with _generator("storm", running, words):
        yield


def churn(running: Running, connections: int, window: int) -> Figures:
    """Connections opened and closed at once; returns when the last is closed."""
    words = ["-m", str(connections), "-w", str(window), "-c"]
    with _generator("storm", running, words) as generator:
        return _all_opened(figures(generator))


@contextlib.contextmanager
def held_open(command: list[str]) -> Iterator[None]:
    """Any other client that says ``ready`` once it is, and stays until its input ends."""
    with _process(pinned(CLIENT_CORE, command)) as client:
        expect(client)
        yield


@contextlib.contextmanager
def waiting_fan(running: Running, load: FanOut) -> Iterator[subprocess.Popen[str]]:
    """Connected, subscribed, warmed up, and waiting for a line to begin."""
    with _generator("fan", running, [*load.options(), "-g"]) as generator:
        expect(generator)
        yield generator


@contextlib.contextmanager
def _generator(name: str, running: Running, words: list[str]) -> Iterator[subprocess.Popen[str]]:
    server = running.server
    target = ["-p", str(running.port), "-u", server.path]
    subscribe = ["-s", server.subscribe] if server.subscribe else []
    command = pinned(CLIENT_CORE, [str(BIN / name), *target, *subscribe, *words])
    with _process(command) as process:
        yield process


@contextlib.contextmanager
def _process(command: list[str]) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    watchdog = threading.Timer(PATIENCE_S, process.kill)
    watchdog.start()
    try:
        yield process
    finally:
        watchdog.cancel()
        process.kill()
        process.communicate()


@contextlib.contextmanager
def crowd(running: Running, module: str, *words: str) -> Iterator[subprocess.Popen[str]]:
    """A crowd of clients in Python, ready and waiting for a line to go on."""
    target = ["127.0.0.1", str(running.port), running.server.path]
    command = [sys.executable, "-m", f"bench.{module}", *target, *words]
    with _process(pinned(CLIENT_CORE, command)) as process:
        expect(process, "ready")
        yield process


@contextlib.contextmanager
def posting(running: Running, *words: str) -> Iterator[subprocess.Popen[str]]:
    """``bench.streams``, with all its streams open."""
    command = [sys.executable, "-m", "bench.streams", str(running.port), *words]
    with _process(pinned(CLIENT_CORE, command)) as process:
        expect(process, "ready")
        yield process


def pings(running: Running, count: int, rate: float) -> Figures:
    """What one more client sees that pings ``rate`` times a second."""
    server = running.server
    words = ["-P", server.ping, "-A", server.pong, "-m", str(count), "-r", str(rate)]
    with _generator("probe", running, words) as generator:
        seen = figures(generator)
    if seen["unanswered"]:
        raise LoadError(f"{seen['unanswered']:.0f} pings were never answered")
    return seen


def go(generator: subprocess.Popen[str]) -> None:
    _stream(generator.stdin).write("go\n")
    _stream(generator.stdin).flush()


def expect(generator: subprocess.Popen[str], line: str = "ready") -> None:
    """Wait for a generator to say ``line``. Raises ``LoadError``."""
    if _stream(generator.stdout).readline().strip() != line:
        raise LoadError(_complaint(generator))


def figures(generator: subprocess.Popen[str]) -> Figures:
    """What a generator saw, once it is done."""
    line = _stream(generator.stdout).readline()
    if not line:
        raise LoadError(_complaint(generator))
    seen: Figures = json.loads(line)
    return seen


def _all_opened(seen: Figures) -> Figures:
    if seen["opened"] != seen["expected"]:
        raise LoadError(f"{seen['opened']:.0f} of {seen['expected']:.0f} connected")
    return seen


def _complaint(generator: subprocess.Popen[str]) -> str:
    generator.kill()
    lines = _stream(generator.stderr).read().strip().splitlines()
    return lines[0] if lines else "the load generator gave up without a reason"


def _stream(stream: IO[str] | None) -> IO[str]:
    if stream is None:  # only when the pipe was not asked for
        raise LoadError("the load generator has no such stream")
    return stream
