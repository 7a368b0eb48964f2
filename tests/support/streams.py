"""Event streams on a stage: real connections on transports that only note, tasks a test steps."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator
from functools import partial
from itertools import count
from typing import Any, cast

from tests.support.connections import LIMITS, FakeTransport, Timer
from tests.support.engines import SlowEngine
from tests.support.eventstreams import EventStreamParser, StreamEvent
from tests.support.loops import Stepper
from tests.support.stages import GENEROUS, Stage
from tidewire.dialects.eventstream import read_id
from tidewire.dialects.native import NativeDialect
from tidewire.messages import Place, Subscribe
from tidewire.security.user import User
from tidewire.server.heartbeat import HeartbeatWheel
from tidewire.server.shared import Client, Shared
from tidewire.server.stream import Stream
from tidewire.server.streamwires import StreamWires
from tidewire.session import Session

MANY_TURNS = 10_000
"""More than any test needs."""


class SteppedTask(Stepper):
    """A task as a connection sees one."""

    def __init__(self, work: Coroutine[Any, Any, None]) -> None:
        super().__init__(work)
        self._done: list[Callable[[Any], None]] = []

    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        self._done.append(callback)

    def step(self) -> None:
        super().step()
        if self.is_done:
            self._tell()

    def cancel(self) -> None:
        if not self.is_done:
            super().cancel()
            self._tell()

    def cancelled(self) -> bool:
        return False

    def exception(self) -> None:
        return None

    def _tell(self) -> None:
        callbacks, self._done = self._done, []
        for callback in callbacks:
            callback(self)


class SteppedFuture:
    """What such a task waits for."""

    def __init__(self) -> None:
        self._is_done = False

    def set_result(self, result: None) -> None:
        self._is_done = True

    def done(self) -> bool:
        return self._is_done

    def __await__(self) -> Generator[SteppedFuture, None, None]:
        while not self._is_done:
            yield self


class StageLoop:
    """What a connection uses of an event loop."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.tasks: list[SteppedTask] = []
        self.call_soon = stage.loop.call_soon

    def create_task(self, work: Coroutine[Any, Any, None]) -> SteppedTask:
        task = SteppedTask(work)
        self.tasks.append(task)
        task.step()
        return task

    def unfinished(self) -> list[SteppedTask]:
        self.tasks = [task for task in self.tasks if not task.is_done]
        return self.tasks.copy()

    def create_future(self) -> SteppedFuture:
        return SteppedFuture()

    def call_later(self, delay_s: float, action: Callable[[], object]) -> Timer:
        """No test here waits for a deadline."""
        return Timer(self._stage.clock.monotonic() + delay_s, action)


class StreamStage(Stage):
    """A stage for streams; its engine answers when it is told to, once it is slow."""

    engine: SlowEngine

    def __init__(self, **options: Any) -> None:
        super().__init__(engine=SlowEngine, **options)
        self.tasks = StageLoop(self)
        self.wires = StreamWires(NativeDialect(), self.hub)
        self.ended: list[Client] = []
        self.shared = Shared(
            handler=self.node,
            limits=LIMITS,
            clock=self.clock,
            counters=self.counters,
            tick=self.tick,
            wheel=HeartbeatWheel(1.0),
            loop=cast(asyncio.AbstractEventLoop, self.tasks),
            ended=self.ended.append,
        )
        self.tick.set_phases(
            self.engine.drain,
            self.hub.flush,
            self.shared.flush,
            self.node.observe_written,
            has_more=lambda: self.engine.has_work or self.hub.has_work or self.shared.has_work,
        )
        self._streams = count(1)

    def listen(self, *channels: str, last_id: str = "", user: str = "eve") -> Listening:
        """A browser comes, or comes back."""
        places = dict(zip(channels, read_id(last_id, len(channels)), strict=True))
        asked = Subscribe(channels=[Place(name, since) for name, since in places.items()])
        stream = Stream(
            self.shared,
            Session(f"s{next(self._streams)}", User(user), GENEROUS),
            self.wires,
            self.wires.begin(places),
            limited_ip=None,
            attend=partial(self._attend, asked),
        )
        transport = FakeTransport()
        stream.start(cast(asyncio.Transport, transport), b"", b"")
        return Listening(stream, transport, last_id)

    def _attend(self, asked: Subscribe, stream: Stream) -> None:
        self.node.attend(stream, asked)

    def settle(self) -> None:
        """Let everything end."""
        for _ in range(MANY_TURNS):
            if not (self.step() | self.loop.turn()):
                return
        raise AssertionError("something never ends")

    def step(self) -> bool:
        """Let tasks go on until they wait again; whether there is one that has not ended."""
        self.answer(len(self.engine.waiting))
        for task in self.tasks.unfinished():
            task.step()
        return bool(self.tasks.unfinished())

    def answer(self, count: int) -> None:
        """Let the engine answer the next ``count`` things that it is asked."""
        for _ in range(min(count, len(self.engine.waiting))):
            self.engine.waiting.popleft().open()


class Listening:
    """A stream, and what a browser has read of it."""

    def __init__(self, stream: Stream, transport: FakeTransport, last_id: str) -> None:
        self.stream = stream
        self._transport = transport
        self._parser = EventStreamParser(last_id)

    def read(self) -> list[StreamEvent]:
        """Everything new."""
        data, self._transport.written = self._transport.written, b""
        return self._parser.feed(data)

    def read_part(self, share: float) -> list[StreamEvent]:
        """The first part of what is new; the rest is lost with the connection."""
        data, self._transport.written = self._transport.written, b""
        return self._parser.feed(data[: int(len(data) * share)])

    @property
    def last_id(self) -> str:
        return self._parser.last_id

    @property
    def retry_ms(self) -> int | None:
        return self._parser.retry_ms

    @property
    def comments(self) -> int:
        return self._parser.comments

    @property
    def is_over(self) -> bool:
        return self._transport.is_closing()

    def fill(self) -> None:
        """The network takes no more: the transport says so."""
        self.stream.pause_writing()

    def empty(self) -> None:
        self.stream.resume_writing()

    def cut(self) -> None:
        self.stream.connection_lost(None)
