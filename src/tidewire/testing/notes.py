"""Notes: what one subscriber asks and is told, as operations of a history. Pure."""

from __future__ import annotations

from typing import Literal

from tidewire.messages import Position
from tidewire.testing.client import Message as Frame
from tidewire.testing.experiment import Experiment, position_of
from tidewire.testing.history import (
    Asked,
    Disconnected,
    Gapped,
    Received,
    Skipped,
    Subscribed,
    Unsubscribed,
)


class Notes:
    """One subscriber's, of all its connections one after the other.

    ``positions`` are where it goes on from, ``refused`` the channels it was not
    let into, ``unanswered`` those it has asked for on this connection, or is yet to.
    """

    def __init__(self, name: str, channels: tuple[str, ...], experiment: Experiment) -> None:
        self.name = name
        self.positions: dict[str, Position] = {}
        self.refused: set[str] = set()
        self.unanswered = set(channels)
        self._channels = channels
        self._experiment = experiment
        self._history = experiment.history
        self._epochs: dict[str, str] = {}  # of the subscription that is live

    def commands(self) -> list[Frame]:
        """What to ask on a new connection: every channel, from where it was left."""
        return [self._subscribe(number, each) for number, each in enumerate(self._channels)]

    def disconnected(self) -> None:
        self.unanswered = set(self._channels)
        self._history.extend(Disconnected(each, self.name) for each in self._channels)

    def _subscribe(self, number: int, channel: str) -> Frame:
        since = self.positions.get(channel)
        self._history.append(Asked(channel, self.name, since))
        command: Frame = {"type": "subscribe", "channel": channel, "id": number}
        if since is None:
            return command
        return {**command, "since": {"epoch": since.epoch, "seq": since.seq, "tag": since.tag}}

    def take(self, told: Frame) -> None:
        """Record what the server said, if it is about one of our channels."""
        channel = told.get("channel")
        if isinstance(told.get("id"), int):
            channel = self._channels[told["id"]]
            self.unanswered.discard(channel)
        if channel not in self._channels:
            return
        match told["type"]:
            case "error":
                self.refused.add(channel)
            case "connected":
                self._note(Subscribed(channel, self.name, position_of(told), "none"))
            case "subscribed":
                self._on_subscribed(channel, told)
            case "gap":
                self._note(Gapped(channel, self.name, position_of(told)))
            case "skipped":
                self._on_skipped(channel, told)
            case "unsubscribed":
                self._history.append(Unsubscribed(channel, self.name))
            case _ if "seq" in told and "timestamp" in told:
                self._on_entry(channel, told)

    def _note(self, operation: Subscribed | Gapped) -> None:
        """Where it goes on from; who is connected to the lobby asks for what it missed itself."""
        self._history.append(operation)
        self._epochs[operation.channel] = operation.position.epoch
        if isinstance(operation, Gapped) or operation.channel not in self.positions:
            self.positions[operation.channel] = operation.position

    def _on_subscribed(self, channel: str, told: Frame) -> None:
        epoch = told["epoch"]
        if not told.get("snapshot"):  # the latest of each key are no stretch of the log
            for entry in told.get("messages", ()):
                self._history.append(self._received(channel, entry, epoch, "recovered"))
        if told.get("more"):
            return
        position, own = position_of(told), self.positions.get(channel)
        self._note(Subscribed(channel, self.name, position, told["recovery"]))
        if own is None or own.epoch != epoch or told["recovery"] == "gap" or own.seq < position.seq:
            self.positions[channel] = position

    def _on_skipped(self, channel: str, told: Frame) -> None:
        self._history.append(Skipped(channel, self.name, told["from"], told["to"]))
        self._reach(channel, told["to"], "")

    def _on_entry(self, channel: str, told: Frame) -> None:
        epoch = self._epochs.get(channel, "")
        self._history.append(self._received(channel, told, epoch, "live"))
        self._reach(channel, told["seq"], told["tag"])

    def _reach(self, channel: str, seq: int, tag: str) -> None:
        own = self.positions.get(channel)
        if own is not None and own.epoch == self._epochs.get(channel) and own.seq < seq:
            self.positions[channel] = Position(own.epoch, seq, tag)

    def _received(
        self, channel: str, entry: Frame, epoch: str, how: Literal["live", "recovered"]
    ) -> Received:
        message = self._experiment.message(entry.get("data"))
        return Received(channel, self.name, how, epoch, entry["seq"], entry["tag"], message)
