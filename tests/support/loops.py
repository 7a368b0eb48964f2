"""A loop a test turns by hand and coroutines it steps by hand: any order, no waiting."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Coroutine, Generator
from contextlib import suppress
from itertools import count
from typing import Any, TypeVar

from tidewire.testing.clock import FakeClock

T = TypeVar("T")


class FakeLoop:
    """``call_soon`` and ``call_later`` of an event loop that runs only when it is told to."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self._soon: list[tuple[Callable[..., object], tuple[Any, ...]]] = []
        self._later: list[tuple[float, int, Callable[[], object]]] = []
        self._order = count()

    def call_soon(self, callback: Callable[..., object], *args: Any) -> None:
        self._soon.append((callback, args))

    def call_later(self, delay_s: float, callback: Callable[[], object]) -> None:
        due = self._clock.monotonic() + delay_s
        heapq.heappush(self._later, (due, next(self._order), callback))

    def turn(self) -> bool:
        """Run what was asked for before this turn; whether there was anything."""
        ready, self._soon = self._soon, []
        for callback, args in ready:
            callback(*args)
        return bool(ready)

    def settle(self) -> None:
        """Turn until nothing is left to do now."""
        while self.turn():
            pass

    def pass_time(self, seconds: float) -> None:
        """Let the clock run, and what falls due on the way."""
        until = self._clock.monotonic() + seconds
        while self._later and self._later[0][0] <= until:
            due, _, callback = heapq.heappop(self._later)
            self._clock.advance(due - self._clock.monotonic())
            callback()
            self.settle()
        self._clock.advance(until - self._clock.monotonic())


class Gate:
    """What a coroutine waits at until a test opens it, or makes it fail."""

    def __init__(self) -> None:
        self.is_open = False
        self.error: BaseException | None = None

    def open(self) -> None:
        self.is_open = True

    def fail(self, error: BaseException) -> None:
        self.error = error
        self.is_open = True

    def __await__(self) -> Generator[Gate, None, None]:
        while not self.is_open:
            yield self
        if self.error is not None:
            raise self.error


class Stepper:
    """A coroutine in a test's hands."""

    def __init__(self, work: Coroutine[Any, Any, Any]) -> None:
        self._work = work
        self._waits_for: Any = None
        self.is_done = False

    def step(self) -> None:
        """Run until it waits again; nothing happens while what it waits for is not there."""
        if self.is_done or not _is_ready(self._waits_for):
            return
        try:
            self._waits_for = self._work.send(None)
        except StopIteration:
            self.is_done = True

    def cancel(self) -> None:
        """Stop it where it waits, as a task that is cancelled."""
        self.is_done = True
        with suppress(asyncio.CancelledError):
            self._work.throw(asyncio.CancelledError())


def _is_ready(awaited: Any) -> bool:
    done = getattr(awaited, "done", None)
    return done is None or bool(done())


def drive(work: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that never has to wait."""
    try:
        awaited = work.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    work.close()
    raise AssertionError(f"it waits for {awaited!r}")
