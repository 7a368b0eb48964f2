"""The contract of every engine, and what passes between an engine and its node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Protocol

from msgspec import UNSET, Struct, UnsetType

from tidewire.channels.options import ChannelOptions
from tidewire.history.log import Gap, Replay
from tidewire.messages import Position, Publication


class Submission(Struct, gc=False):
    """A publication on its way in, and how it ended.

    ``sender`` and ``command_id`` are the node's own and come back untouched. The
    engine sets ``outcome``, once, and for an accepted one its position in
    ``epoch``, ``seq`` and ``tag``: one object there and back, because one is made
    for every message. A repeated ``once`` key is accepted with the position of
    the first, and appends nothing.
    """

    channel: str
    options: ChannelOptions
    user_id: str
    client_id: str
    data: str
    kind: str = "message"
    once: str | None = None
    key: str | None = None
    ref: int | None = None
    sender: Any = None
    command_id: int | str | UnsetType = UNSET
    outcome: Literal["pending", "accepted", "refused", "unknown"] = "pending"
    epoch: str = ""
    seq: int = 0
    tag: str = ""


class Sink(Protocol):
    """The node's side: what an engine tells. Called in the event loop; must not raise."""

    def applied(self, channel: str, entries: Sequence[Publication]) -> None:
        """The next entries of an open channel, by rising ``seq``."""

    def settled(self, submissions: Sequence[Submission]) -> None:
        """These have ended."""


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
    - each submission ends in exactly one outcome, and those in flight are bounded.
    """

    def start(self, sink: Sink) -> None:
        """Called once, before anything else."""

    async def open(self, channel: str, options: ChannelOptions) -> Position:
        """Carry this channel's entries to this node from now on; answers its head.

        Confirmed when it returns: no later entry is missed. Cancellation leaves
        the channel closed. Raises ``EngineUnavailable``.
        """
        ...

    def close(self, channel: str) -> None:
        """Nobody here reads the channel any more; its log is kept."""

    def submit(self, submission: Submission) -> bool:
        """Queue a publication for this tick; False where too many are in flight already."""
        ...

    @property
    def has_work(self) -> bool:
        """Whether something is submitted and not yet drained."""
        ...

    def drain(self) -> None:
        """The end of a tick: send or apply everything submitted in it."""

    async def read(
        self, channel: str, options: ChannelOptions, since: Position | None, limit: int | None
    ) -> Page:
        """What follows ``since``, or the latest ``limit`` entries without it.

        Changes nothing, so it may be cancelled. Raises ``EngineUnavailable``.
        """
        ...

    def sweep(self) -> None:
        """Let go of what is too old, some at a time. Called about once a second."""

    async def stop(self) -> None:
        """Free everything. Submissions still in flight end as "unknown"."""
