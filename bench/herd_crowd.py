"""Herd, the crowd: when each of many clients is back, by one rule. Pure; its randomness is seeded.

All are dropped at moment 0. Trying takes no time. During the outage everybody is refused; after it
everybody is let in, or only so many in each second, and who is refused goes on by the rule.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from dataclasses import dataclass
from random import Random
from typing import TypeAlias

from bench.herd_rules import Draw, Rule

SEED = 20_26
SLOT_S = 0.1
"""A busiest second may begin at any tenth, not only where the clock's seconds do."""

SLOTS_PER_S = 10


@dataclass(frozen=True, slots=True)
class Event:
    """What dropped them: an outage of so many seconds, or a server that drains."""

    name: str
    outage_s: float = 0.0
    is_drain: bool = False


EVENTS = (
    Event("a cut, no outage"),
    Event("an outage of 5 s", 5.0),
    Event("an outage of 30 s", 30.0),
    Event("a drain", is_drain=True),
)

Try: TypeAlias = tuple[float, int, float]
"""When it comes, after how many tries before it, and the client's trait."""


def first_arrivals(rule: Rule, event: Event, clients: int) -> list[Try]:
    """Everybody's first try that finds a server."""
    draw = Random(SEED).random
    return [_first_arrival(rule, event, number, clients, draw) for number in range(clients)]


def _first_arrival(rule: Rule, event: Event, number: int, clients: int, draw: Draw) -> Try:
    trait, attempt = draw(), 0
    if event.is_drain and rule.departure:
        return rule.departure(number, clients, draw), attempt, trait
    at = rule.wait(attempt, trait, draw)
    while at < event.outage_s:
        attempt += 1
        at += rule.wait(attempt, trait, draw)
    return at, attempt, trait


def admitted(rule: Rule, tries: list[Try], per_s: int) -> list[float]:
    """When they are in, if only ``per_s`` of those who come in a second are."""
    draw, waiting = Random(SEED).random, list(tries)
    left: defaultdict[int, int] = defaultdict(lambda: per_s)
    heapq.heapify(waiting)
    moments = []
    while waiting:
        at, attempt, trait = waiting[0]
        if left[int(at)]:
            left[int(at)] -= 1
            moments.append(at)
            heapq.heappop(waiting)
        else:
            again = at + rule.wait(attempt + 1, trait, draw)
            heapq.heapreplace(waiting, (again, attempt + 1, trait))
    return moments


def shares(moments: list[float], since_s: float) -> list[float]:
    """Of all clients, the share that comes in each tenth of a second from ``since_s`` on."""
    slots = [0] * (1 + int((max(moments) - since_s) / SLOT_S))
    for moment in moments:
        slots[int((moment - since_s) / SLOT_S)] += 1
    return [slot / len(moments) for slot in slots]


def busiest_second(by_slot: list[float]) -> float:
    """The share that comes in the busiest second."""
    window = best = sum(by_slot[:SLOTS_PER_S])
    for entering, leaving in zip(by_slot[SLOTS_PER_S:], by_slot, strict=False):
        window += entering - leaving
        best = max(best, window)
    return best


def time_until(share: float, moments: list[float], since_s: float) -> float:
    """Seconds from ``since_s`` until ``share`` of them have come."""
    return sorted(moments)[int(share * len(moments)) - 1] - since_s
