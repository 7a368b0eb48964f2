"""Violations: what a server can do wrong to a channel's readers, each with its evidence.

Frozen types whose ``str`` says what happened to whom, in words. Found by ``checker``.
"""

from __future__ import annotations

from msgspec import Struct

from tidewire.messages import Position
from tidewire.testing.history import Message


class Violation(Struct, frozen=True):
    """A promise was broken in ``channel``."""

    channel: str


class Experienced(Violation, frozen=True):
    """A promise to one subscriber was broken."""

    subscriber: str


class Hole(Experienced, frozen=True):
    """Entries in the middle of what it received never came, and nobody said so.

    ``lost`` names those of them that are known to have been acknowledged.
    """

    epoch: str
    first: int
    last: int
    lost: tuple[Message, ...] = ()

    def __str__(self) -> str:
        lost = f", acknowledged ones among them: {_names(self.lost)}" if self.lost else ""
        which = f"{places(self.first, self.last)} of {self.channel}"
        return f"hole: {self.subscriber} never received {which}, without being told{lost}"


class Duplicate(Experienced, frozen=True):
    """It was handed the same entry, or the same message in another entry, once more."""

    epoch: str
    seq: int
    first_seq: int
    message: Message | None

    def __str__(self) -> str:
        again = "again" if self.seq == self.first_seq else f"after it came at {self.first_seq}"
        what = f"{self.channel} {self.seq} ({self.message})"
        return f"duplicate: {self.subscriber} received {what} {again}"


class Disordered(Experienced, frozen=True):
    """It was handed a lower entry after a higher one."""

    epoch: str
    seq: int
    after: int

    def __str__(self) -> str:
        return f"order: {self.subscriber} received {self.channel} {self.seq} after {self.after}"


class Regressed(Experienced, frozen=True):
    """The log went back under its epoch: a place already passed holds another entry."""

    epoch: str
    seq: int
    reached: int

    def __str__(self) -> str:
        return (
            f"regression: {self.channel} was at {self.reached} for {self.subscriber}, and then "
            f"another entry came at {self.seq} under the same epoch {self.epoch}"
        )


class FalselyComplete(Experienced, frozen=True):
    """It was told that it had got all that followed ``since``, and had not. ``why`` says how."""

    since: Position
    answered: Position
    why: str

    def __str__(self) -> str:
        asked = f"{self.subscriber} asked for {self.channel} since {_place(self.since)}"
        return f"false complete: {asked}, was told complete up to {self.answered.seq}: {self.why}"


class Unasked(Experienced, frozen=True):
    """It was handed an entry of a channel to which it was not subscribed then."""

    seq: int

    def __str__(self) -> str:
        return f"unasked: {self.subscriber} received {self.channel} {self.seq} while unsubscribed"


class Unauthorised(Experienced, frozen=True):
    """It saw a channel for which it has no leave."""

    what: str

    def __str__(self) -> str:
        return f"unauthorised: {self.subscriber} has no leave for {self.channel}: {self.what}"


class Phantom(Experienced, frozen=True):
    """It was handed a message that nobody sent there, or whose publication was refused."""

    seq: int
    message: Message
    why: str

    def __str__(self) -> str:
        what = f"{self.message} at {self.channel} {self.seq}"
        return f"phantom: {self.subscriber} received {what}, which {self.why}"


class Missing(Experienced, frozen=True):
    """It knows the stretch of log in which a message was acknowledged, and something else is there:
    ``instead``.
    """

    message: Message
    position: Position
    instead: str

    def __str__(self) -> str:
        where = f"{self.channel} {_place(self.position)}"
        return (
            f"missing: {self.message} was acknowledged at {where}, where {self.subscriber} "
            f"found {self.instead}"
        )


class Diverged(Violation, frozen=True):
    """Two subscribers were shown different entries at one place of one log."""

    epoch: str
    seq: int
    one: str
    other: str

    def __str__(self) -> str:
        where = f"{self.channel} {self.seq} (epoch {self.epoch})"
        return f"diverged: {self.one} and {self.other} saw different entries at {where}"


class SenderDisordered(Violation, frozen=True):
    """A message stands behind one that its publisher sent later."""

    earlier: Message
    later: Message

    def __str__(self) -> str:
        return f"sender's order: {self.earlier} stands behind {self.later} in {self.channel}"


def _names(messages: tuple[Message, ...]) -> str:
    return ", ".join(map(str, messages))


def places(first: int, last: int) -> str:
    return f"entry {first}" if first == last else f"entries {first} to {last}"


def _place(position: Position) -> str:
    return f"{position.epoch}/{position.seq}/{position.tag}"
