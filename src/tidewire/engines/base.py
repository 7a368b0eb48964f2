"""The contract of every engine, and what passes between an engine and its node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Protocol, TypeAlias

from msgspec import Struct

from tidewire.channels.options import ChannelOptions
from tidewire.engines.leases import Lease
from tidewire.history.query import Gap, Query, Replay
from tidewire.messages import Position, Publication, Signal

__all__ = [
    "MAX_IN_FLIGHT", "MAX_LISTED", "Draft", "Engine", "Figures", "Gap", "Lease", "Page", "Query",
    "Receipt", "Replay", "Sink", "Snapshot",
]  # fmt: skip

MAX_IN_FLIGHT = 50_000
"""Submissions that have not ended. A tick at the speed of the fastest loop has some thousands, so
this is only reached when something floods the loop faster than it turns, or a disk stands still."""

MAX_LISTED = 10_000
"""Channels that one listing names: half a megabyte; an operator looks at no more."""


class Receipt(Struct, gc=False):
    """Whoever wants to know how a publication ended.

    ``sender`` and ``command_id`` are the node's own and come back untouched. The
    engine sets ``outcome``, once, and ``position`` for one that was accepted. A
    repeated ``once`` key is accepted with the position of the first. "refused": it
    is not in history and never will be; "unknown": it may be or not.
    """

    channel: str
    sender: Any
    command_id: int | str
    outcome: Literal["pending", "accepted", "refused", "unknown"] = "pending"
    position: Position | None = None


Draft: TypeAlias = tuple[Publication, ChannelOptions, Receipt | None]
"""What was submitted and has not been entered yet."""


class Sink(Protocol):
    """The node's side: what an engine tells. Called in the event loop; must not raise."""

    def applied(self, channel: str, entries: Sequence[Publication]) -> None:
        """The next entries of an open channel, by rising ``seq``."""

    def signalled(self, channel: str, signals: Sequence[Signal]) -> None:
        """Signals in an open channel, those of one sender in its order."""

    def settled(self, receipts: Sequence[Receipt]) -> None:
        """These publications have ended."""


class Page(Struct, frozen=True):
    """The answer to a read: where the log stands, and what was asked for.

    ``found`` is a gap where ``since`` or ``before`` name a place that is no longer
    here, or never was.
    """

    head: Position
    found: Replay | Gap


class Snapshot(Struct, frozen=True):
    """The latest entry of each key as of ``head``, by rising ``seq``."""

    head: Position
    entries: list[Publication]


class Figures(Struct, frozen=True):
    """What an operator watches of an engine."""

    entries: int
    """Kept, in the histories of all channels and in their maps."""

    bytes: int
    """Of memory or of the disk, for all that is kept."""

    in_flight: int
    """Publications that have been submitted and have not ended."""

    is_failing: bool
    """Whether what was submitted last could not be written."""


class Engine(Protocol):
    """Orders publications, keeps the recent ones, and carries them between nodes.

    Promises:

    - order: a node is handed one channel's publications by rising ``seq``;
    - atomicity: taking a ``seq`` and entering history are one step;
    - honesty: an acknowledged publication is in history, or the epoch changes;
    - ``submit`` never calls back before it returns; outcomes come after ``drain``;
    - each receipt ends in exactly one outcome, and what is in flight is bounded;
    - an entry is told to the sink, where its channel is open, before its receipt;
    - an entry is kept as it was given: every field of it comes back from a read;
    - a ``once`` key repeated by the same user in the same channel within five
      minutes is accepted with the position of the first, and appended once;
    - what is kept is bounded: per channel by its options, and over all channels.
    """

    def start(self, sink: Sink) -> None:
        """Called once, in the event loop, before anything else. Raises ``StartFailed``."""

    async def open(self, channel: str, options: ChannelOptions) -> Position:
        """Carry this channel's entries to this node from now on; answers its head.

        Confirmed when it returns: the next entry handed over is the one after that
        head. A node opens a channel that is closed, and one at a time. Cancellation
        leaves it closed. Raises ``EngineUnavailable``.
        """
        ...

    def close(self, channel: str) -> None:
        """Nobody here reads the channel any more; its log is kept."""

    def submit(self, entry: Publication, options: ChannelOptions, receipt: Receipt | None) -> bool:
        """Queue an entry (its ``seq`` still 0) for this tick, and its receipt where one is wanted.

        False where too many are in flight already: then nothing was queued.
        """
        ...

    @property
    def has_work(self) -> bool:
        """Whether something is submitted and not yet drained."""
        ...

    @property
    def in_flight(self) -> int:
        """How many publications are submitted and not yet drained."""
        ...

    def drain(self) -> None:
        """The end of a tick: send or apply everything submitted in it."""

    def signal(self, signal: Signal) -> None:
        """Carry a signal to every node where its channel is open, with this tick.

        Of one client and name only the latest of a tick is carried. May be lost, and
        never fails: too many in flight drop the oldest.
        """

    async def read(self, channel: str, options: ChannelOptions, query: Query) -> Page:
        """The entries ``query`` is after.

        Of an open channel, everything up to the answered head has been handed over
        when it returns. Changes nothing, so it may be cancelled. Raises
        ``EngineUnavailable``.
        """
        ...

    async def snapshot(self, channel: str, options: ChannelOptions) -> Snapshot:
        """The channel's latest-per-key map (``options.keeps_latest``); promises as ``read``.

        An entry with a ``key`` sets it, with ``op`` "remove" takes it out, and past its
        ``expires_at`` it is gone: nothing is told of that, whoever sees the entry knows
        its end. A key outlives its entry's place in history. An entry for which the map
        has no room (``history.latest``: so many keys, so many bytes) is refused; one that
        makes none of it larger never is.
        """
        ...

    async def channels(self) -> list[str]:
        """The channels that are open here or keep something, at most ``MAX_LISTED``, sorted.

        What has only just expired may still be among them. Raises ``EngineUnavailable``.
        """
        ...

    async def lease(self, name: str, holder: str, ttl_s: float) -> Lease | None:
        """Take ``name`` for ``ttl_s``, or keep it where ``holder`` has it; None where another does.

        Kept, it keeps its token; once it has run out, its next holder has a new one.
        Raises ``EngineUnavailable``.
        """
        ...

    async def release(self, lease: Lease) -> None:
        """Give a lease back early; nothing happens where it is no longer the holder's."""

    def sweep(self) -> None:
        """Let go of what is too old, some at a time. Called about once a second."""

    def figures(self) -> Figures:
        """How it stands. Cheap: asked at every scrape."""
        ...

    async def stop(self) -> None:
        """End what was submitted, as "unknown" where that cannot be told, and free everything."""
