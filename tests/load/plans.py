"""A small plan where a test cares about little of it."""

from __future__ import annotations

from typing import Any

from tidewire.load.plan import Plan

SMALL: dict[str, Any] = {
    "url": "ws://127.0.0.1:1/ws",
    "token": None,
    "channel": "lobby",
    "run": "0badcafe",
    "connections": 10,
    "publishers": 2,
    "rate": 50.0,
    "payload_bytes": 100,
    "for_s": 1.0,
    "storm": False,
    "processes": 1,
}


def plan_for(**changed: Any) -> Plan:
    return Plan(**{**SMALL, **changed})
