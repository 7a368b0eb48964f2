"""Events: what a channel tells whoever reads it.

Entries of the log, and news about the log (a gap, entries left out) and about who is
there. Frozen types only.
"""

from __future__ import annotations

from typing import Any, Generic, Literal, TypeAlias, TypeVar

from msgspec import Struct

from tidewire.messages import Occupancy, Op, Position, SkipReason, UserJoined, UserLeft

T = TypeVar("T")

How: TypeAlias = Literal["live", "recovered", "snapshot"]
"""As it happened; after a reconnect, or asked for with ``since`` or ``rewind``; or as the latest
of its key, which is no stretch of the log."""


class Entry(Struct, Generic[T], frozen=True):
    """One entry of a channel, each once and by rising ``position.seq``.

    ``type`` is ``message``, ``chat``, or that of an application's message; ``data`` is
    what was published, read as the channel's type where it was given one, and bytes
    where bytes were published. ``timestamp`` (ms) informs and never orders.
    """

    channel: str
    position: Position
    timestamp: int
    user_id: str
    type: str
    data: T
    how: How = "live"
    once: str | None = None
    key: str | None = None
    ref: int | None = None
    op: Op | None = None
    tags: dict[str, str] | None = None
    expires_at: int | None = None


class Gap(Struct, frozen=True):
    """What came before ``position`` cannot be told for certain: load the state anew."""

    channel: str
    position: Position


class Skip(Struct, frozen=True):
    """Entries ``first`` to ``last`` (by seq), or some of them, are left out on purpose."""

    channel: str
    first: int
    last: int
    reason: SkipReason


class Signal(Struct, frozen=True):
    """Something that happened and is not kept: typing, a cursor."""

    channel: str
    name: str
    data: Any
    user_id: str
    client_id: str


class StateSet(Struct, frozen=True):
    """Another client's state in the channel is ``data`` now."""

    channel: str
    user_id: str
    client_id: str
    data: Any


News: TypeAlias = Signal | StateSet | UserJoined | UserLeft | Occupancy
"""True when sent, in no log, and left out first where a reader is behind."""

ChannelEvent: TypeAlias = Entry[T] | Gap | Skip | News


class History(Struct, Generic[T], frozen=True):
    """A stretch of a channel's log, and the position it reaches.

    ``is_complete`` is False where the place that was asked for can no longer be found;
    with ``has_more`` there is more than fitted.
    """

    entries: list[Entry[T]]
    position: Position
    is_complete: bool
    has_more: bool
