"""Conductor: starts a load test's processes, lets them begin together, and adds up."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import connection, get_context
from multiprocessing.connection import Connection
from threading import current_thread, main_thread
from typing import Any

from tidewire.errors import StartFailed, TidewireError
from tidewire.load.members import now_us
from tidewire.load.plan import Plan
from tidewire.load.tally import Tally
from tidewire.load.worker import work

LEAD_US = 200_000
"""Between the word and the start: every process has it by then."""

ENOUGH = 0

Watch = Callable[[int], None]
"""Told again and again how many messages were delivered so far."""


class LoadFailed(TidewireError):
    """A process of ours ended without a result."""


def conduct(plan: Plan, watch: Watch = lambda _: None) -> Tally:
    """Run ``plan``; blocks. Ctrl-C ends it early, and what was counted until then is returned.

    Raises ``StartFailed`` where not all could connect, ``LoadFailed``. New processes are
    spawned: a fork would copy the locks of whatever threads there are.
    """
    context = get_context("spawn")
    pipes, processes = [], []
    try:
        for number in range(plan.processes):
            ours, theirs = context.Pipe()
            process = context.Process(target=work, args=(plan, number, theirs), daemon=True)
            with _deaf():
                process.start()
            theirs.close()
            pipes.append(ours)
            processes.append(process)
        _start_together(pipes)
        return _collect(pipes, watch)
    finally:
        for pipe in pipes:
            pipe.close()
        for process in processes:
            process.terminate()
            process.join()


@contextmanager
def _deaf() -> Iterator[None]:
    """What is started here never hears of Ctrl-C, not even while it starts."""
    if current_thread() is not main_thread():  # may not touch signals
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _start_together(pipes: list[Connection]) -> None:
    for pipe in pipes:
        word, what = _receive(pipe)
        if word == "failed":
            raise StartFailed(what)
    start_us = now_us() + LEAD_US
    for pipe in pipes:
        pipe.send(start_us)


def _collect(pipes: list[Connection], watch: Watch) -> Tally:
    total, waiting = Tally(), list(pipes)
    delivered = dict.fromkeys(map(id, pipes), 0)
    while waiting:
        try:
            _hear(waiting, total, delivered)
            watch(sum(delivered.values()))
        except KeyboardInterrupt:
            _tell(waiting)
    return total


def _hear(waiting: list[Connection], total: Tally, delivered: dict[int, int]) -> None:
    for pipe in connection.wait(waiting):
        assert isinstance(pipe, Connection)
        word, what = _receive(pipe)
        if word == "progress":
            delivered[id(pipe)] = what
        elif word == "done":
            total.merge(what)
            waiting.remove(pipe)
        else:
            raise LoadFailed(what)


def _receive(pipe: Connection) -> tuple[str, Any]:
    try:
        word, what = pipe.recv()
    except (EOFError, ConnectionError) as error:
        raise LoadFailed("a process of the load test ended by itself") from error
    return word, what


def _tell(waiting: list[Connection]) -> None:
    for pipe in waiting:
        with suppress(OSError):
            pipe.send(ENOUGH)
