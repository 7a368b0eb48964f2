"""An event stream as a browser reads it (HTML Standard, section 9.2.6)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class StreamEvent:
    """One event, as a page is handed it."""

    name: str
    data: str
    last_id: str

    def json(self) -> Any:
        return json.loads(self.data)


class EventStreamParser:
    """Takes bytes in any pieces; an event counts once its block has ended."""

    def __init__(self, last_id: str = "") -> None:
        self.last_id = last_id
        self.retry_ms: int | None = None
        self.comments = 0
        self._unfinished = b""
        self._id_seen = last_id
        self._name = ""
        self._data: list[str] = []

    def feed(self, data: bytes) -> list[StreamEvent]:
        events = []
        *lines, self._unfinished = (self._unfinished + data).split(b"\n")
        for line in lines:
            text = line.removesuffix(b"\r").decode()
            if text:
                self._take(text)
            elif event := self._dispatch():
                events.append(event)
        return events

    def _take(self, line: str) -> None:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match name:
            case "":
                self.comments += 1
            case "id" if "\0" not in value:
                self._id_seen = value
            case "event":
                self._name = value
            case "data":
                self._data.append(value)
            case "retry" if value.isdigit():
                self.retry_ms = int(value)

    def _dispatch(self) -> StreamEvent | None:
        self.last_id = self._id_seen
        name, data = self._name, self._data
        self._name, self._data = "", []
        return StreamEvent(name or "message", "\n".join(data), self.last_id) if data else None


def parse(data: bytes) -> list[StreamEvent]:
    """The events of a whole stream."""
    return EventStreamParser().feed(data)
