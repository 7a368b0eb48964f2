"""``serve --reload``: a parent process that starts the server anew when a file changes.

Looks at modification times every half second, which costs a small project
nothing and needs no package. A server that fails, as one with a syntax error
does, is started again at the next change.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Protocol, TypeAlias

import click

from tidewire.cli.surroundings import Surroundings
from tidewire.errors import ConfigError

RELOADED = "TIDEWIRE_RELOADED"
"""Set in the environment of the process that is started anew, so that it serves."""

SUFFIXES = frozenset({".py", ".toml"})
NOT_WATCHED = frozenset({"__pycache__", "node_modules"})
"""Beside every directory whose name starts with a dot, such as .git and .venv."""

LOOK_EVERY_S = 0.5
STOP_WITHIN_S = 5.0
"""After this long a server that was asked to stop is killed; its drain takes a second."""

Snapshot: TypeAlias = Mapping[str, int]
"""Path -> modification time in nanoseconds."""


class Child(Protocol):
    """What is used of ``subprocess.Popen``."""

    def poll(self) -> int | None: ...
    def terminate(self) -> None: ...
    def kill(self) -> None: ...
    def wait(self, timeout: float | None = None) -> int: ...


def serve_reloading(around: Surroundings, directories: Sequence[Path]) -> int:
    """Runs this command line again as a child, again and again, until told to stop."""
    for directory in directories:
        if not directory.is_dir():
            raise ConfigError(f"there is no directory {directory} to watch")
    command = [sys.executable, "-m", "tidewire", *around.arguments]
    # A file saved twice in a second at the same length would leave a compiled file that is stale.
    environment = {**around.environment, RELOADED: "1", "PYTHONDONTWRITEBYTECODE": "1"}
    reloader = Reloader(
        start=lambda: start_child(command, environment, around.directory),
        look=lambda: snapshot(directories),
        pause=lambda: time.sleep(LOOK_EVERY_S),
    )
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, reloader.stop)  # SIGHUP: the terminal was closed
    return reloader.run()


def start_child(
    command: Sequence[str], environment: Mapping[str, str], directory: Path
) -> subprocess.Popen[bytes]:
    """The developer's own command line, once more."""
    return subprocess.Popen(command, env=environment, cwd=directory)  # noqa: S603


class Reloader:
    """Keeps one child running, and replaces it when what it was started from has changed."""

    def __init__(
        self, start: Callable[[], Child], look: Callable[[], Snapshot], pause: Callable[[], None]
    ) -> None:
        self._start = start
        self._look = look
        self._pause = pause
        self._is_stopping = False

    def stop(self, _signal: int = 0, _frame: FrameType | None = None) -> None:
        """Ask ``run`` to return; a signal handler."""
        self._is_stopping = True

    def run(self) -> int:
        """Returns the exit code: that of the last child, or 0 where it was asked to stop."""
        while True:
            seen = self._look()  # before the start, so that no change falls between the two
            child = self._start()
            changed = self._watch(child, seen)
            code = end(child)
            if not changed:
                return 0 if self._is_stopping else code
            click.echo(f"{', '.join(sorted(changed))} changed: starting anew", err=True)

    def _watch(self, child: Child, seen: Snapshot) -> set[str]:
        """The files that changed; none where the child ended well or we are asked to stop."""
        has_failed = False
        while not self._is_stopping:
            code = child.poll()
            if code == 0:
                break
            if code is not None and not has_failed:
                has_failed = True
                click.echo(f"stopped with exit code {code}: waiting for a change", err=True)
            if changed := changes(seen, self._look()):
                return changed
            self._pause()
        return set()


def end(child: Child) -> int:
    """Asks the child to stop, and kills it where it does not. Returns its exit code."""
    if child.poll() is None:
        child.terminate()
    try:
        return child.wait(timeout=STOP_WITHIN_S)
    except subprocess.TimeoutExpired:
        child.kill()
        return child.wait()


def changes(before: Snapshot, after: Snapshot) -> set[str]:
    """Files that are new, gone or written since."""
    return {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}


def snapshot(directories: Sequence[Path]) -> Snapshot:
    return {
        entry.path: modified
        for directory in directories
        for entry in _watched(str(directory))
        if (modified := _modified_ns(entry)) is not None
    }


def _watched(directory: str) -> Iterator[os.DirEntry[str]]:
    try:
        entries = sorted(os.scandir(directory), key=lambda entry: entry.name)
    except OSError:
        return  # removed while we looked
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            if not entry.name.startswith(".") and entry.name not in NOT_WATCHED:
                yield from _watched(entry.path)
        elif Path(entry.name).suffix in SUFFIXES:
            yield entry


def _modified_ns(entry: os.DirEntry[str]) -> int | None:
    try:
        return os.stat(entry.path).st_mtime_ns
    except OSError:
        return None
