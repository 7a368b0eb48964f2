"""The promise of order, under every interleaving of what can happen in a room."""

from __future__ import annotations

from typing import TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.halls import Hall, Listener
from tests.support.peers import LineWire
from tidewire.hub import core

MEMBERS = 7
STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["join", "join", "leave", "hold", "publish", "publish", "announce", "turn"]
        ),
        st.integers(0, MEMBERS - 1),
    ),
    max_size=60,
)
Heard: TypeAlias = list[int | str]


class Visit:
    """One member's stay: what it is owed, and what it had heard before."""

    def __init__(self, after: int, heard_before: Heard) -> None:
        self.after = after
        self.heard_before = len(heard_before)


class Everyone:
    """The members of a hall, as they come and go; checks each stay when it ends."""

    def __init__(self) -> None:
        self.hall = Hall()
        wires = [self.hall.wire, LineWire()]
        self.members = [Listener(wires[n % 3 == 0]) for n in range(MEMBERS)]
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
            case "rejoin":
                self.leave(member)
                self.do("join", number)
            case "publish":
                self.hall.publish(1 + number % 3)
            case "announce":
                self.hall.announce()
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
        heard = [each for each in member.heard[visit.heard_before :] if isinstance(each, int)]
        head = self.hall.room.position.seq
        owed = list(range(visit.after + 1, head + 1))
        assert heard == (owed[: len(heard)] if is_over else owed)


@pytest.mark.parametrize("chunk", [1, 2, 3])
@given(crowd=st.integers(0, MEMBERS), steps=STEPS)
def test_each_member_hears_what_follows_its_joining_once_and_in_order_until_it_leaves(
    chunk: int, crowd: int, steps: list[tuple[str, int]]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(core, "CHUNK_MEMBERS", chunk)
        patch.setattr(core, "MAX_MEMBERS_IN_ONE_GO", 2)
        everyone = Everyone()
        arrivals = [("join", number) for number in range(crowd)]
        for step, number in arrivals + steps:
            everyone.do(step, number)
        gone = {each: list(each.heard) for each in everyone.members if each not in everyone.visits}
        everyone.hall.loop.settle()
        for member, visit in everyone.visits.items():
            everyone.check(member, visit, is_over=False)
        for member, heard in gone.items():
            assert member.heard == heard
