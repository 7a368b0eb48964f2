"""Lines: what a channel tells, for people and for programs. Pure."""

from __future__ import annotations

import json
import time
from base64 import b64encode
from typing import Any
from urllib.parse import quote

from tidewire.client import Entry, Gap, Position, Skip

OPTIONAL = ("once", "key", "ref", "op", "tags", "expires_at")


def position_text(position: Position) -> str:
    """``epoch:seq:tag``, as the protocol writes positions in a URL."""
    return f"{quote(position.epoch, safe='')}:{position.seq}:{quote(position.tag, safe='')}"


def as_json_line(event: Entry[Any] | Gap | Skip) -> str:
    """One JSON object; bytes are base64."""
    match event:
        case Gap():
            place = position_text(event.position)
            told: dict[str, Any] = {"type": "gap", "channel": event.channel, "position": place}
        case Skip():
            told = {"type": "skipped", "channel": event.channel, "from": event.first}
            told |= {"to": event.last, "reason": event.reason}
        case Entry():
            told = _entry(event)
    return json.dumps(told, ensure_ascii=False, default=_base64)


def _entry(entry: Entry[Any]) -> dict[str, Any]:
    told = {
        "type": entry.type,
        "channel": entry.channel,
        "position": position_text(entry.position),
        "timestamp": entry.timestamp,
        "from": entry.user_id,
        "data": entry.data,
    }
    more = {name: getattr(entry, name) for name in OPTIONAL}
    return told | {name: value for name, value in more.items() if value is not None}


def _base64(value: object) -> str:
    if isinstance(value, bytes):
        return b64encode(value).decode()
    raise TypeError(f"{type(value).__name__} is no JSON")


def as_text(event: Entry[Any] | Gap | Skip) -> str:
    """One line, with nothing in it that steers the terminal."""
    match event:
        case Gap():
            text = f"{event.channel}  -- something was missed for good before {event.position.seq}"
        case Skip():
            text = f"{event.channel}  -- {event.first} to {event.last} left out ({event.reason})"
        case Entry():
            clock = time.strftime("%H:%M:%S", time.localtime(event.timestamp / 1000))
            text = f"{clock}  {event.channel}  {event.user_id or '-'}: {said(event)}"
    return harmless(text)


def said(entry: Entry[Any]) -> str:
    """A text as it is, anything else as JSON."""
    data = entry.data
    text = data.get("text") if isinstance(data, dict) and len(data) == 1 else data
    return text if isinstance(text, str) else json.dumps(data, ensure_ascii=False, default=_base64)


def harmless(text: str) -> str:
    return "".join(each if each.isprintable() else "?" for each in text)
