"""Entries of a channel, where a test does not care what they say."""

from __future__ import annotations

from typing import Any

from tidewire.messages import Publication

TIMESTAMP = 1_700_000_000_000


def entry(seq: int, tag: str = "", **fields: Any) -> Publication:
    """The entry at ``seq``, tagged ``t<seq>`` unless told otherwise."""
    given: dict[str, Any] = {
        "channel": "room",
        "timestamp": TIMESTAMP,
        "user_id": "ann",
        "client_id": "c1",
        "data": str(seq),
    }
    return Publication(seq=seq, tag=tag or f"t{seq}", **{**given, **fields})
