"""What publishers and subscribers of one experiment share: its history, its name, the way back.

An experiment marks what it publishes with the name of its ``run``, so that what
an earlier one left in a channel is not taken for its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeAlias

import msgspec
from msgspec import Struct

from tidewire.errors import HandshakeRefused
from tidewire.messages import Position
from tidewire.testing.client import Client, Disconnected
from tidewire.testing.client import Message as Frame
from tidewire.testing.history import Message, Operation

Connect: TypeAlias = Callable[[], Awaitable[Client]]

RETRY_S = 0.05
"""Between two tries to connect: short beside a server's start, long beside a refusal."""


class Label(Struct, frozen=True):
    """What is published: by this a message is known again."""

    run: str
    publisher: str
    number: int
    padding: str | None = None


class Experiment:
    """One experiment's history, and how its messages look."""

    def __init__(self, run: str) -> None:
        self.run = run
        self.history: list[Operation] = []

    def label(self, message: Message, padding_bytes: int) -> Frame:
        """``message`` as data to publish."""
        label = {"run": self.run, "publisher": message.publisher, "number": message.number}
        return {**label, "padding": "x" * padding_bytes} if padding_bytes else label

    def message(self, data: object) -> Message | None:
        """Which of the experiment's messages ``data`` is, if it is one."""
        with suppress(msgspec.ValidationError):
            label = msgspec.convert(data, Label)
            if label.run == self.run:
                return Message(label.publisher, label.number)
        return None


def position_of(told: Frame) -> Position:
    """The position that an answer or an event names."""
    return Position(told["epoch"], told["seq"], told["tag"])


async def come_back(connect: Connect) -> Client:
    """Connect as soon as somebody is there. Raises what no waiting would change."""
    while True:
        try:
            return await connect()
        except (OSError, Disconnected):
            await asyncio.sleep(RETRY_S)
        except HandshakeRefused as refusal:
            if refusal.status not in (429, 503):
                raise
            await asyncio.sleep(RETRY_S)
