"""Backend: does what is asked over the HTTP API, one call or a batch of them.

Knows nothing of HTTP: a call comes in, its answer goes out, and whatever goes
wrong is an answer, too.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import msgspec

from tidewire.api.calls import (
    Answer,
    Batch,
    Broadcast,
    Call,
    Channels,
    Connections,
    Disconnect,
    Failed,
    History,
    Latest,
    Presence,
    Publish,
    Results,
    Revoke,
    Signal,
    Subscribe,
    Top,
    Unsubscribe,
)
from tidewire.http.failures import failure_of
from tidewire.http.people import People
from tidewire.http.publishing import Outcome, Publishing, attempt
from tidewire.http.reading import Reading

Handler: TypeAlias = Callable[[Any], Awaitable[Answer]]

READS = (History, Latest, Presence, Channels, Connections, Top)
"""Calls whose answers may be large."""

MAX_BATCH_ANSWER_BYTES = 8 * 1024 * 1024
"""Of what a batch reads, before its last answer: two of the largest. A hundred histories of 4 MiB
took 400 MiB, and 1.6 GiB while they were encoded."""

FULL = Failed(code="limit", message="the batch's answer is full: ask for this in another one")


class Backend:
    """A table of what can be asked, and who does it."""

    def __init__(self, publishing: Publishing, reading: Reading, people: People) -> None:
        self.publishing = publishing
        self._handlers: dict[type[Call], Handler] = {
            Publish: publishing.publish,
            Broadcast: publishing.broadcast,
            Signal: publishing.signal,
            History: reading.history,
            Latest: reading.latest,
            Presence: reading.presence,
            Channels: reading.channels,
            Connections: reading.connections,
            Top: reading.top,
            Disconnect: people.disconnect,
            Subscribe: people.subscribe,
            Unsubscribe: people.unsubscribe,
            Revoke: people.revoke,
            Batch: self._batch,
        }

    async def do(self, call: Call) -> Answer:
        """The answer; ``Failed`` where it could not be done. Never raises but when cancelled."""
        try:
            return await self._handlers[type(call)](call)
        except Exception as error:
            return failure_of(error)

    async def _batch(self, batch: Batch) -> Answer:
        """In order: publishes in a row are submitted together, anything else waits for them."""
        results: list[Answer] = []
        begun: list[Outcome] = []
        size = 0
        for command in batch.commands:
            if isinstance(command, Publish):
                begun.append(self._begin(command))
                continue
            results += [await each for each in begun]
            begun = []
            is_read = isinstance(command, READS)
            is_full = is_read and size > MAX_BATCH_ANSWER_BYTES
            results.append(FULL if is_full else await self.do(command))
            size += len(msgspec.json.encode(results[-1])) if is_read else 0
        results += [await each for each in begun]
        return Results(results=results)

    def _begin(self, command: Publish) -> Outcome:
        return attempt(lambda: self.publishing.begin(command))
