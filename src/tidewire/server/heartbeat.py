"""Heartbeats: one wheel for all connections, and not a timer for each.

A timer costs a quarter of a kilobyte and a place in the loop's heap; ten
thousand of them would also fire whenever they like. The wheel is a ring of
slots, each a set of those whose turn it is in that slice of time. Reads no
clock: ``turn`` is told how far to go.
"""

from __future__ import annotations

from typing import Protocol

SLOTS = 512
"""Slices in one turn of the wheel. Longer delays go round more than once by being asked early."""


class Beating(Protocol):
    """Whoever wants to be asked now and then. ``slot`` is where the wheel keeps it."""

    slot: int

    def beat(self) -> float | None:
        """Do what is due; answers in how many seconds to be asked again, or None for never."""
        ...


class HeartbeatWheel:
    """Asks each member when its time has come, at most one slice late."""

    def __init__(self, slice_s: float) -> None:
        self.slice_s = slice_s
        self._slots: list[set[Beating]] = [set() for _ in range(SLOTS)]
        self._now = 0
        self._owed_s = 0.0

    def add(self, member: Beating, delay_s: float) -> None:
        """Ask ``member`` after ``delay_s``. It is in the wheel once at most."""
        slices = min(max(1, -(-delay_s // self.slice_s)), SLOTS - 1)
        member.slot = (self._now + int(slices)) % SLOTS
        self._slots[member.slot].add(member)

    def discard(self, member: Beating) -> None:
        self._slots[member.slot].discard(member)

    def turn(self, elapsed_s: float) -> list[Beating]:
        """Let ``elapsed_s`` seconds pass; answers those whose turn has come, no longer members."""
        self._owed_s += elapsed_s
        due: list[Beating] = []
        steps = int(self._owed_s // self.slice_s)
        self._owed_s -= steps * self.slice_s
        for _ in range(min(steps, SLOTS)):
            self._now = (self._now + 1) % SLOTS
            slot = self._slots[self._now]
            due.extend(slot)
            slot.clear()
        return due

    def __len__(self) -> int:
        return sum(map(len, self._slots))
