"""The vectors of ``spec/vectors/frames.json``, run against our own receiver."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tidewire.errors import ProtocolViolated
from tidewire.websocket.deflate import Inflater
from tidewire.websocket.receiver import Close, Event, Ping, Pong, ReceiveLimits, Receiver, Role

VECTORS = json.loads((Path(__file__).parents[2] / "spec/vectors/frames.json").read_text("utf-8"))


def _title(vector: dict[str, Any]) -> str:
    number = vector.get("catalogue")
    return f"catalogue {number}: {vector['about']}" if number else str(vector["about"])


def _bytes(vector: dict[str, Any]) -> bytes:
    parts = vector.get("parts") or [[vector["hex"], 1]]
    return b"".join(bytes.fromhex(part) * times for part, times in parts)


def _shown(event: Event) -> dict[str, Any]:
    """An event as the vectors write it."""
    match event:
        case str():
            return {"text": event}
        case bytes():
            return {"binary": event.hex()}
        case Ping(payload):
            return {"ping": payload.hex()}
        case Pong(payload):
            return {"pong": payload.hex()}
        case Close(code, reason):
            return {"close": {"code": code, "reason": reason}}


def _outcome(vector: dict[str, Any], read_bytes: int) -> dict[str, Any]:
    """What comes out when the bytes arrive ``read_bytes`` at a time."""
    inflater = Inflater() if vector.get("compression") else None
    receiver = Receiver(Role(vector["role"]), ReceiveLimits(), inflater)
    data, events = _bytes(vector), list[dict[str, Any]]()
    try:
        for at in range(0, len(data), read_bytes):
            receiver.feed(data[at : at + read_bytes])
            while (event := receiver.next()) is not None:
                events.append(_shown(event))
            receiver.settle()
    except ProtocolViolated as violation:
        return {"events": events, "closes": violation.close_code}
    return {"events": events}


@pytest.mark.parametrize("vector", VECTORS["vectors"], ids=_title)
@pytest.mark.parametrize("read_bytes", [1, 2**20], ids=["byte by byte", "whole"])
def test_every_frame_is_read_as_the_specification_says(
    vector: dict[str, Any], read_bytes: int
) -> None:
    expected = {key: vector[key] for key in ("events", "closes") if key in vector}
    assert _outcome(vector, read_bytes) == expected
