"""Event streams (HTML Standard, section 9.2): blocks of lines, and positions as ids. Pure.

A browser's ``EventSource`` keeps the ``id`` of the last block it has seen whole
and sends it back as ``Last-Event-ID``. So an id says where its stream stands in
each of its channels, in the order of its address: ``epoch:seq:tag,epoch:seq:tag``.
It needs no name (each epoch belongs to one channel's log), no secret (whoever
forges one asks for what it may read anyway) and no memory of ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote, unquote_to_bytes

from tidewire.messages import MAX_SAFE_INTEGER, Position

MEDIA_TYPE = "text/event-stream"

COMMENT = b":\n\n"
"""What keeps an idle stream open: it means nothing to whoever reads it."""

NOWHERE = Position("", 0)
"""In no log: whoever says it stands here is told that it missed something."""

MAX_EPOCH = 64
MAX_TAG = 32
"""As ``messages.Position`` has them; nothing longer was ever sent."""

_PLACE = re.compile(r"([^:,]*):([0-9]{1,16}):([^:,]*)")
_TO_SPACES = bytes.maketrans(b"\r\n", b"  ")


def block(payload: bytes, *, event: str = "", last_id: str | None = None) -> bytes:
    """One event: ``payload`` is JSON, where a line break is white space and so may be a space."""
    if b"\n" in payload or b"\r" in payload:
        payload = payload.translate(_TO_SPACES)
    opening = "" if last_id is None else f"id: {last_id}\n"
    if event:
        opening += f"event: {event}\n"
    return b"%bdata: %b\n\n" % (opening.encode("ascii"), payload)


def retry(wait_s: float) -> bytes:
    """How long a browser is to wait before it comes back by itself, from now on."""
    return b"retry: %d\n\n" % round(wait_s * 1000)


def place(position: Position | None) -> str:
    """One position in an id; empty where the stream does not follow its channel yet."""
    if position is None:
        return ""
    return f"{_quoted(position.epoch)}:{position.seq}:{_quoted(position.tag)}"


def last_id(positions: Iterable[Position | None]) -> str:
    return ",".join(map(place, positions))


def find_last_id(data: bytes) -> str | None:
    """The last id in whole blocks: no payload holds a line break, so none looks like one."""
    start = data.rfind(b"\nid: ") + 1
    if start == 0 and not data.startswith(b"id: "):
        return None
    return data[start + 4 : data.index(b"\n", start)].decode("ascii")


def read_id(text: str, count: int) -> list[Position | None]:
    """The positions of ``count`` channels in an id that a client sent back.

    Nobody answers for what it says. What is not of our making, or of another list
    of channels, stands for nowhere: it is a gap, never silence (catalogue 63, 77).
    """
    if not text:
        return [None] * count
    places = text.split(",", count)
    if len(places) != count:
        return [NOWHERE] * count
    return [None if each == "" else _read_place(each) for each in places]


def _read_place(text: str) -> Position:
    found = _PLACE.fullmatch(text)
    if found is None or int(found[2]) > MAX_SAFE_INTEGER:
        return NOWHERE
    try:
        epoch = unquote_to_bytes(found[1]).decode()
        tag = unquote_to_bytes(found[3]).decode()
    except ValueError:
        return NOWHERE
    if len(epoch) > MAX_EPOCH or len(tag) > MAX_TAG:
        return NOWHERE
    return Position(epoch, int(found[2]), tag)


def _quoted(text: str) -> str:
    """Our own epochs and tags need no escapes; another engine's may hold anything."""
    return text if text.isalnum() and text.isascii() else quote(text, safe="-_.~")
