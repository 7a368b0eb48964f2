"""The one grammar of channel names.

A name is 1 to 255 bytes: segments joined by ``:``, each of one or more of the
characters ``A-Z a-z 0-9 _ . ~ @ = + , ! -``. ASCII only, so that two names that
look alike cannot differ in normalisation; no ``/``, white space or control
characters, so that a name is safe in a path, a log line and a Redis key. ``*``
and ``>`` are kept for patterns.
"""

from __future__ import annotations

import hashlib
import re
import string

from tidewire.errors import CommandRefused

MAX_NAME_BYTES = 255
"""Long enough for ``document:`` and two UUIDs, short enough for a key of any store."""

MAX_SEGMENT_BYTES = 128
"""Of a text made a segment: as long as a user's id may be, which most are as they stand."""

_SEGMENT = r"[A-Za-z0-9_.~@=+,!-]+"
_PLAIN = frozenset(string.ascii_letters + string.digits + "_.~@+,!-")
_NAME = re.compile(rf"{_SEGMENT}(?::{_SEGMENT})*")


def is_name(text: str) -> bool:
    """Whether ``text`` is a channel name. Linear in its length."""
    return len(text) <= MAX_NAME_BYTES and _NAME.fullmatch(text) is not None


def check_name(text: str) -> None:
    """Raise ``CommandRefused("malformed")`` where ``text`` is not a channel name."""
    if not is_name(text):
        raise CommandRefused(
            "malformed",
            "a channel name is 1 to 255 characters: segments of A-Z a-z 0-9 _ . ~ @ = + , ! - "
            "joined by ':'",
        )


def segment(text: str) -> str:
    """``text`` as one segment of a name: what the grammar lacks becomes ``=XX``, as UTF-8 bytes.

    Where that is too long for a name it is ``=~`` and the text's SHA-256: a user's own
    channel exists whatever alphabet its id is written in.
    """
    escaped = "".join(_escaped(character) for character in text)
    if len(escaped) <= MAX_SEGMENT_BYTES:
        return escaped
    return f"=~{hashlib.sha256(text.encode()).hexdigest()}"


def _escaped(character: str) -> str:
    if character in _PLAIN:
        return character
    return "".join(f"={byte:02X}" for byte in character.encode())
