"""History: what publishers did and subscribers saw in one experiment, operation by operation.

Frozen types and lines of JSON, nothing else: recording is ``recorder``'s, judging
``checker``'s. Operations stand in the order in which they happened as far as each
publisher and each subscriber is concerned, and an ``Invoked`` before whatever it
leads to. Several recordings may simply be put one after the other.

A publication is known by who numbered it: ``Message("p1", 7)`` is the seventh of p1.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal, TypeAlias

import msgspec
from msgspec import Struct

from tidewire.messages import Position, Recovery, Seq


class Message(Struct, frozen=True, order=True):
    """One publication of the experiment, whatever became of it."""

    publisher: str
    number: int

    def __str__(self) -> str:
        return f"{self.publisher}/{self.number}"


class Recorded(Struct, frozen=True, tag_field="op"):
    """One operation, in one channel."""

    channel: str


# --- what publishers do -----------------------------------------------------------------------


class Invoked(Recorded, frozen=True, tag="invoke"):
    """A publish was sent, or is about to be. From here on the message may be anywhere."""

    message: Message


class Acknowledged(Recorded, frozen=True, tag="ok"):
    """It was answered with its position: it is in the channel's history."""

    message: Message
    position: Position


class Failed(Recorded, frozen=True, tag="fail"):
    """It was refused: it is nowhere, and never will be."""

    message: Message


class Unknown(Recorded, frozen=True, tag="unknown"):
    """No answer came: it may have been published or not."""

    message: Message


# --- what subscribers see ---------------------------------------------------------------------


class Seen(Recorded, frozen=True):
    """Something one subscriber asked for or was told. A subscriber outlives its connections."""

    subscriber: str


class Asked(Seen, frozen=True, tag="subscribe"):
    """It asked for the channel, and for what followed ``since``."""

    since: Position | None = None


class Received(Seen, frozen=True, tag="received"):
    """It was handed an entry. ``message`` is None where the entry is not the experiment's.

    "recovered" is what came in the answer to ``Asked``, before that answer's ``Subscribed``.
    """

    how: Literal["live", "recovered"]
    epoch: str
    seq: Seq
    tag: str
    message: Message | None


class Subscribed(Seen, frozen=True, tag="subscribed"):
    """It is live from ``position``; ``recovery`` is what the server claims about ``since``."""

    position: Position
    recovery: Recovery


class Gapped(Seen, frozen=True, tag="gap"):
    """It was told that the log can no longer be followed, and goes on from ``position``."""

    position: Position


class Skipped(Seen, frozen=True, tag="skipped"):
    """It was told that the entries ``first`` to ``last`` are left out for it."""

    first: Seq
    last: Seq


class Unsubscribed(Seen, frozen=True, tag="unsubscribed"):
    """Nothing of the channel may follow."""


class Disconnected(Seen, frozen=True, tag="disconnected"):
    """Its connection is gone, and with it the subscription."""


class Barred(Seen, frozen=True, tag="barred"):
    """From here on it has no leave for the channel. Said by the experiment, not by the server."""


Operation: TypeAlias = (
    Invoked
    | Acknowledged
    | Failed
    | Unknown
    | Asked
    | Received
    | Subscribed
    | Gapped
    | Skipped
    | Unsubscribed
    | Disconnected
    | Barred
)

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Operation).decode


def to_lines(history: Iterable[Operation]) -> Iterator[bytes]:
    """One line of JSON for each operation: what a history is kept as."""
    return (_encode(operation) + b"\n" for operation in history)


def from_lines(lines: Iterable[bytes | str]) -> list[Operation]:
    """The history kept in ``lines``. Raises ``msgspec.DecodeError`` where one is no operation."""
    return [_decode(line) for line in lines if line.strip()]
