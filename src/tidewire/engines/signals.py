"""The signals of one tick: of one client and name only the latest, and so many in all."""

from __future__ import annotations

from collections import OrderedDict

from tidewire.messages import Signal

MAX_SIGNALS = 10_000
"""Of one tick: some megabytes. Signals may be lost, so beyond it the oldest are."""


class SignalBox:
    """What has been signalled since it was last emptied."""

    def __init__(self) -> None:
        self._signals: OrderedDict[tuple[str, str, str, str], Signal] = OrderedDict()

    def __len__(self) -> int:
        return len(self._signals)

    def add(self, signal: Signal) -> None:
        """In the place of an earlier one of the same client and name, and behind all others."""
        key = (signal.channel, signal.client_id, signal.user_id, signal.name)
        self._signals[key] = signal
        self._signals.move_to_end(key)
        if len(self._signals) > MAX_SIGNALS:
            self._signals.popitem(last=False)

    def empty(self) -> dict[str, list[Signal]]:
        """What was in it, by channel."""
        by_channel: dict[str, list[Signal]] = {}
        for signal in self._signals.values():
            by_channel.setdefault(signal.channel, []).append(signal)
        self._signals.clear()
        return by_channel
