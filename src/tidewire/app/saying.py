"""What an application says, as the JSON that every reader can be told: checked where it is said.

A batch is encoded for everybody at once; what fails there fails for them all.
"""

from __future__ import annotations

from typing import Any

import msgspec

from tidewire.dialects.native import has_doubles

MAX_NESTING = 480
"""Levels of an application's data. Decoders stop at some 1,000, counted from however deep the
program is just then, and what carries the data adds some of its own."""


def text_of(data: Any) -> str:
    """``data`` as JSON text. Raises ``TypeError`` and ``ValueError`` where it cannot be said."""
    try:
        text = msgspec.json.encode(data).decode()
    except RecursionError:
        raise ValueError("data is nested too deeply") from None
    check_sayable(text)
    return text


def check_sayable(text: str) -> None:
    """Raise ``ValueError`` where some reader could not read ``text``, which is JSON."""
    data = text.encode()
    if data.count(b"[") + data.count(b"{") > MAX_NESTING:
        data = b"[" * MAX_NESTING + data + b"]" * MAX_NESTING
    if not has_doubles(data):
        raise ValueError(
            f"data is nested too deeply (about {MAX_NESTING} levels are the most), or holds a "
            "number that no double can"
        )
