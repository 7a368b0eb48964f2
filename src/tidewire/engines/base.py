"""The contract of every engine, and what passes between an engine and its node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Protocol

from msgspec import Struct

from tidewire.channels.options import ChannelOptions
from tidewire.history.log import Gap, Replay
from tidewire.messages import Position, Publication


class Receipt(Struct, gc=False):
    """Whoever wants to know how a publication ended.

    ``sender`` and ``command_id`` are the node's own and come back untouched. The
    engine sets ``outcome``, once, and ``position`` for one that was accepted. A
    repeated ``once`` key is accepted with the position of the first.
    """

    channel: str
    sender: Any
    command_id: int | str
    outcome: Literal["pending", "accepted", "refused", "unknown"] = "pending"
    position: Position | None = None


class Sink(Protocol):
    """The node's side: what an engine tells. Called in the event loop; must not raise."""

    def applied(self, channel: str, entries: Sequence[Publication]) -> None:
        """The next entries of an open channel, by rising ``seq``."""

    def settled(self, receipts: Sequence[Receipt]) -> None:
        """These publications have ended."""


class Page(Struct, frozen=True):
    """The answer to a read: where the log stands, and what was asked for."""

    head: Position
    found: Replay | Gap


class Engine(Protocol):
    """Orders publications, keeps the recent ones, and carries them between nodes.

    Promises:

    - order: a node is handed one channel's publications by rising ``seq``;
    - atomicity: taking a ``seq`` and entering history are one step;
    - honesty: an acknowledged publication is in history, or the epoch changes;
    - ``submit`` never calls back before it returns; outcomes come after ``drain``;
    - each receipt ends in exactly one outcome, and what is in flight is bounded.
    """

    def start(self, sink: Sink) -> None:
        """Called once, before anything else."""

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

    async def read(
        self, channel: str, options: ChannelOptions, since: Position | None, limit: int | None
    ) -> Page:
        """What follows ``since``, or the latest ``limit`` entries without it.

        Of an open channel, everything up to the answered head has been handed over
        when it returns. Changes nothing, so it may be cancelled. Raises
        ``EngineUnavailable``.
        """
        ...

    def sweep(self) -> None:
        """Let go of what is too old, some at a time. Called about once a second."""

    async def stop(self) -> None:
        """Free everything. What is still in flight ends as "unknown"."""
