"""What a client's stream is handed: entries, pages and news, put together by hand."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from tidewire import messages
from tidewire.client.events import Gap, Skip
from tidewire.client.reading import Arrived, Page, Reader
from tidewire.client.stream import Delivery, Told
from tidewire.messages import Position, Recovery

CHANNEL = "news"
_READER = Reader()


def at(seq: int, epoch: str = "e1") -> Position:
    """The position of entry ``seq``, whose tag is known by its number."""
    return Position(epoch, seq, f"t{seq}" if seq else "")


def entry(seq: int, key: str | None = None) -> Arrived:
    text = {"type": "message", "channel": CHANNEL, "seq": seq, "tag": f"t{seq}", "timestamp": 1}
    read = _READER.read(json.dumps({**text, "key": key, "data": seq}))
    assert isinstance(read, Arrived)
    return read


def page(
    position: Position,
    recovery: Recovery = "complete",
    seqs: Iterable[int] = (),
    *,
    more: bool = False,
    snapshot: bool = False,
    unasked: bool = False,
) -> Page:
    entries = tuple(entry(seq) for seq in seqs)
    page_id = None if more or unasked else 1
    return Page(CHANNEL, position, recovery, entries, more, snapshot, None, page_id)


def skip(first: int, last: int) -> messages.Skipped:
    return messages.Skipped(channel=CHANNEL, first=first, last=last, reason="echo")


def shown(told: Sequence[Told]) -> list[object]:
    """Entries by their number, gaps as ``("gap", seq)``, what is left out as a pair."""
    return [_shown(each) for each in told]


def _shown(told: Told) -> object:
    match told:
        case Delivery():
            return told.arrived.envelope.seq
        case Gap():
            return ("gap", told.position.seq)
        case Skip():
            return (told.first, told.last)
