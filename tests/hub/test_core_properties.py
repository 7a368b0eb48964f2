"""The promise of order, under every interleaving of what can happen in a room."""

from __future__ import annotations

from typing import TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.halls import Hall, Listener
from tests.support.peers import LineWire
from tidewire.channels.options import SlowReader
from tidewire.hub import core
from tidewire.hub import tail as tail_module

MEMBERS = 7
KEYS = ("a", "b", None)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["join", "join", "leave", "hold", "publish", "publish", "publish", "turn", "turn",
             "exclude", "announce", "signal", "fill", "fill", "drain", "drain a little"]
        ),
        st.integers(0, MEMBERS - 1),
    ),
    max_size=80,
)  # fmt: skip
Heard: TypeAlias = list[int | str]


class Visit:
    """One member's stay: what it is owed, and what it had heard before."""

    def __init__(self, after: int, heard_before: Heard) -> None:
        self.after = after
        self.heard_before = len(heard_before)


class Everyone:
    """The members of a hall, as they come and go; checks each stay when it ends."""

    def __init__(self, slow_reader: SlowReader) -> None:
        self.hall = Hall(slow_reader)
        wires = [self.hall.wire, LineWire()]
        self.members = [self.hall.listener(wires[n % 3 == 0], f"c{n}") for n in range(MEMBERS)]
        self.visits: dict[Listener, Visit] = {}
        self.holding: dict[Listener, int] = {}

    def do(self, step: str, number: int) -> None:
        member = self.members[number]
        match step:
            case "join" if member in self.holding:
                self.go_live(member)
            case "join" if member not in self.visits:
                after = self.hall.hub.join(self.hall.room, member).seq
                self.visits[member] = Visit(after, member.heard)
            case "hold" if member not in self.visits:
                self.hall.hub.hold(self.hall.room, member)
                self.holding[member] = self.hall.room.position.seq
            case "leave":
                self.leave(member)
            case "publish":
                self.hall.publish(1 + number % 3, key=KEYS[number % 3])
            case "exclude":
                self.hall.publish(exclude=f"c{number}")
            case "announce":
                self.hall.announce()
            case "signal":
                self.hall.signal(f"c{number}")
            case "fill":
                member.fill()
            case "drain":
                member.drain()
            case "drain a little" if member.is_behind:
                member.drain(takes=1 + number % 2)
            case "turn":
                self.hall.loop.turn()

    def go_live(self, member: Listener) -> None:
        after = self.holding.pop(member)
        tail = self.hall.hub.go_live(self.hall.room, member, after)
        head = self.hall.room.position.seq
        assert [each.seq for each in tail or []] == list(range(after + 1, head + 1))
        self.visits[member] = Visit(head, member.heard)

    def leave(self, member: Listener) -> None:
        self.hall.hub.leave(self.hall.room, member)
        self.holding.pop(member, None)
        visit = self.visits.pop(member, None)
        if visit is not None:
            self.check(member, visit)

    def check(self, member: Listener, visit: Visit, *, is_over: bool = True) -> None:
        """What it was told, and told was left out, is what followed: in order, once, no hole."""
        told = _covered(member.heard[visit.heard_before :])
        head = self.hall.room.position.seq
        owed = list(range(visit.after + 1, head + 1))
        assert told == (owed[: len(told)] if is_over else owed)


def _covered(heard: Heard) -> list[int]:
    told: list[int] = []
    for each in heard:
        if isinstance(each, int):
            told.append(each)
        elif "-" in each:
            first, last = each.split(" ")[1].split("-")
            told.extend(range(int(first), int(last) + 1))
    return told


@pytest.mark.parametrize("slow_reader", ["disconnect", "drop_oldest", "conflate"])
@given(
    crowd=st.integers(0, MEMBERS),
    steps=STEPS,
    chunk=st.integers(1, 3),
    kept=st.sampled_from([1, 3, 1_000]),
)
def test_each_member_is_told_what_follows_its_joining_once_and_in_order_until_it_leaves(
    slow_reader: SlowReader, crowd: int, steps: list[tuple[str, int]], chunk: int, kept: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(core, "CHUNK_MEMBERS", chunk)
        patch.setattr(core, "MAX_MEMBERS_IN_ONE_GO", 2)
        patch.setattr(tail_module, "MAX_TAIL_ENTRIES", kept)
        patch.setattr(tail_module, "BLOCK_BYTES", 400)
        everyone = Everyone(slow_reader)
        arrivals = [("join", number) for number in range(crowd)]
        for step, number in arrivals + steps:
            everyone.do(step, number)
        gone = {each: list(each.heard) for each in everyone.members if each not in everyone.visits}
        everyone.hall.loop.settle()
        for member in everyone.members:
            member.drain()
        for member, visit in everyone.visits.items():
            everyone.check(member, visit, is_over=False)
        for member, heard in gone.items():
            assert member.heard == heard
        assert (everyone.hall.room.behind, everyone.hall.room.tail) == ({}, None)


@given(keys=st.lists(st.lists(st.sampled_from("abcde"), max_size=6), max_size=30), data=st.data())
def test_a_slow_readers_values_end_up_as_everybody_elses(
    keys: list[list[str]], data: st.DataObject
) -> None:
    hall = Hall("conflate")
    slow, other = hall.join(), hall.join()
    for tick in keys:
        for key in tick:
            hall.publish(key=key)
        hall.loop.settle()
        if data.draw(st.booleans()):
            slow.fill()
        elif data.draw(st.booleans()):
            slow.drain(takes=data.draw(st.integers(1, 3)))
    slow.drain()
    assert slow.values == other.values
