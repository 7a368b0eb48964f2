"""An event stream on a plain blocking socket, for tests against a server process."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import urlencode

from tests.support.eventstreams import EventStreamParser, StreamEvent
from tests.support.wire import DEADLINE_S, ConnectionEnded, RawConnection, Response, request


class RawStream(RawConnection):
    """``GET /sse``, and its events. What a proxy's chunks put between them are lines of no known
    field, and blank ones."""

    def __enter__(self) -> RawStream:
        return self

    def open(
        self, *channels: str, headers: tuple[tuple[str, str], ...] = (), **query: str
    ) -> Response:
        """The response's head."""
        self._parser = EventStreamParser()
        self._events: list[StreamEvent] = []
        fields = urlencode([*(("channel", name) for name in channels), *query.items()])
        host = ("Host", f"127.0.0.1:{self.port}")
        accept = ("Accept", "text/event-stream")
        return self.ask(request([host, accept, *headers], line=f"GET /sse?{fields} HTTP/1.1"))

    @property
    def last_id(self) -> str:
        return self._parser.last_id

    @property
    def comments(self) -> int:
        return self._parser.comments

    @property
    def retry_ms(self) -> int | None:
        return self._parser.retry_ms

    def next_event(self) -> StreamEvent:
        deadline = time.monotonic() + DEADLINE_S
        while not self._events:
            assert time.monotonic() < deadline, "nothing but comments comes"
            self.take_more()
        return self._events.pop(0)

    def expect_event(self, name: str, **fields: object) -> dict[str, Any]:
        """The data of the next event called so, with these fields; others are passed over."""
        while True:
            event = self.next_event()
            said: dict[str, Any] = event.json()
            if event.name == name and fields.items() <= said.items():
                return said

    def events_until_end(self) -> list[StreamEvent]:
        try:
            while True:
                self.take_more()
        except (ConnectionEnded, ConnectionError):
            return self._events

    def take_more(self) -> None:
        """Whatever comes next, if it is only a comment."""
        if not self._buffer:
            self._read_more("an event")
        self._events += self._parser.feed(bytes(self._buffer))
        self._buffer.clear()
