"""The fan-out: what a channel's members are handed, in which order, and how often."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.support.halls import START, Hall, Listener
from tests.support.peers import LineWire
from tests.support.publications import entry
from tidewire.hub import Item, core
from tidewire.hub import room as hub_room
from tidewire.messages import Position


@pytest.fixture
def hall() -> Hall:
    return Hall()


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fan-out to more than two members goes out in pairs."""
    monkeypatch.setattr(core, "CHUNK_MEMBERS", 2)
    monkeypatch.setattr(core, "MAX_MEMBERS_IN_ONE_GO", 2)


# --- a tick -----------------------------------------------------------------------------------


def test_all_of_a_tick_reaches_each_member_in_order_and_in_one_block(hall: Hall) -> None:
    members = [hall.join() for _ in range(3)]
    hall.publish(2)
    hall.announce()
    hall.publish()
    hall.loop.settle()
    assert [each.blocks for each in members] == [[[1, 2, "occupancy", 3]]] * 3


def test_nothing_leaves_before_the_tick_ends(hall: Hall) -> None:
    member = hall.join()
    hall.publish()
    assert member.blocks == []


def test_a_publication_is_encoded_once_for_each_wire_however_many_listen(hall: Hall) -> None:
    compressed = LineWire()
    for wire in (hall.wire, compressed) * 10:
        hall.join(wire)
    hall.publish(3)
    hall.loop.settle()
    assert (hall.wire.encoded, compressed.encoded) == (3, 3)


def test_members_of_every_wire_hear_the_same(hall: Hall) -> None:
    members = [hall.join(LineWire()) for _ in range(3)]
    hall.publish(2)
    hall.loop.settle()
    assert [each.heard for each in members] == [[1, 2]] * 3


def test_where_nobody_listens_nothing_is_encoded_and_the_position_moves_on(hall: Hall) -> None:
    hall.publish(3)
    hall.loop.settle()
    assert hall.wire.encoded == 0
    assert hall.room.position == Position("first", 3, "t3")


def test_rooms_do_not_hear_each_other(hall: Hall) -> None:
    member, other = hall.join(), hall.hub.open("other", START)
    hall.hub.publish(other, [entry(1, channel="other")])
    hall.loop.settle()
    assert member.heard == []


def test_what_was_delivered_is_counted(hall: Hall) -> None:
    for _ in range(3):
        hall.join()
    hall.publish(2)
    hall.loop.settle()
    assert hall.counters.delivered == 6


class BrokenWire(LineWire):
    """A wire with a bug."""

    def frames(self, items: Sequence[Item]) -> list[bytes]:
        raise RuntimeError("cannot be written")


def test_a_room_whose_batch_cannot_be_written_costs_no_other_room_its_own(
    hall: Hall, caplog: pytest.LogCaptureFixture
) -> None:
    hall.join(BrokenWire())
    other, listener = hall.hub.open("other", START), Listener(hall.wire)
    hall.hub.join(other, listener)
    hall.publish()
    hall.hub.publish(other, [entry(1, channel="other")])
    hall.loop.settle()
    assert listener.heard == [1]
    assert "a batch was not delivered" in caplog.text


# --- joining and leaving ----------------------------------------------------------------------


def test_a_member_is_told_the_position_after_which_it_hears_everything(hall: Hall) -> None:
    hall.publish(2)
    member = Listener(hall.wire)
    assert hall.hub.join(hall.room, member) == Position("first", 2, "t2")
    hall.publish()
    hall.loop.settle()
    assert member.heard == [3]


def test_a_member_that_joins_while_a_batch_is_pending_gets_only_what_follows(hall: Hall) -> None:
    first = hall.join()
    hall.publish(2)
    late = hall.join()
    hall.publish()
    later = hall.join()
    hall.loop.settle()
    assert [first.heard, late.heard, later.heard] == [[1, 2, 3], [3], []]
    hall.publish()
    hall.loop.settle()
    assert [first.heard, late.heard, later.heard] == [[1, 2, 3, 4], [3, 4], [4]]


def test_a_member_that_left_gets_nothing_of_the_batch_that_is_pending(hall: Hall) -> None:
    member, other = hall.join(), hall.join()
    hall.publish()
    hall.hub.leave(hall.room, member)
    hall.loop.settle()
    assert (member.heard, other.heard) == ([], [1])


def test_a_member_that_left_and_joined_again_hears_nothing_twice(hall: Hall) -> None:
    member = hall.join()
    hall.join()
    hall.publish()
    hall.hub.leave(hall.room, member)
    hall.hub.join(hall.room, member)
    hall.publish()
    hall.loop.settle()
    assert member.heard == [2]


def test_leaving_where_one_never_was_changes_nothing(hall: Hall) -> None:
    hall.join()
    hall.hub.leave(hall.room, Listener(LineWire()))
    hall.hub.leave(hall.room, Listener(hall.wire))
    assert len(hall.room) == 1


def test_a_room_is_empty_when_nobody_listens_and_nobody_is_about_to(hall: Hall) -> None:
    member = hall.join()
    is_empty = [hall.room.is_empty]
    hall.hub.leave(hall.room, member)
    is_empty.append(hall.room.is_empty)
    hall.hub.hold(hall.room, member)
    is_empty.append(hall.room.is_empty)
    assert is_empty == [False, True, False]


def test_a_closed_room_is_gone_and_opens_anew_where_it_is_told(hall: Hall) -> None:
    hall.hub.close(hall.room)
    assert hall.hub.room("room") is None
    assert hall.hub.open("room", Position("second", 7, "t7")).position.seq == 7


# --- large groups -----------------------------------------------------------------------------


@pytest.mark.usefixtures("small_chunks")
def test_a_large_group_is_served_in_chunks_with_a_turn_of_the_loop_between(hall: Hall) -> None:
    members = [hall.join() for _ in range(5)]
    hall.publish()
    served = []
    while hall.loop.turn():
        served.append(sum(len(each.heard) for each in members))
    assert served[:3] == [2, 4, 5]


@pytest.mark.usefixtures("small_chunks")
def test_a_member_that_leaves_between_two_chunks_gets_nothing_more(hall: Hall) -> None:
    members = [hall.join() for _ in range(5)]
    hall.publish()
    hall.loop.turn()
    hall.hub.leave(hall.room, members[4])
    hall.loop.settle()
    assert [each.heard for each in members] == [[1]] * 4 + [[]]


@pytest.mark.usefixtures("small_chunks")
def test_a_member_that_comes_back_between_two_chunks_gets_only_what_follows(hall: Hall) -> None:
    members = [hall.join() for _ in range(5)]
    hall.publish()
    hall.loop.turn()
    hall.hub.leave(hall.room, members[4])
    assert hall.hub.join(hall.room, members[4]).seq == 1
    hall.publish()
    hall.loop.settle()
    assert members[4].heard == [2]


@pytest.mark.usefixtures("small_chunks")
def test_what_comes_between_two_chunks_follows_for_everyone(hall: Hall) -> None:
    members = [hall.join() for _ in range(5)]
    hall.publish()
    hall.loop.turn()
    newcomer = hall.join()
    hall.publish()
    hall.loop.settle()
    assert [each.heard for each in members] == [[1, 2]] * 5
    assert newcomer.heard == [2]


@pytest.mark.usefixtures("small_chunks")
def test_a_small_group_is_not_overtaken_by_its_next_batch_while_a_large_one_is_served(
    hall: Hall,
) -> None:
    for _ in range(5):
        hall.join()
    alone = hall.join(LineWire())
    hall.publish()
    hall.loop.turn()
    hall.publish()
    hall.loop.settle()
    assert alone.heard == [1, 2]


@pytest.mark.usefixtures("small_chunks")
def test_a_room_that_closes_between_two_chunks_is_left_in_peace(hall: Hall) -> None:
    members = [hall.join() for _ in range(5)]
    hall.publish()
    hall.loop.turn()
    for member in members:
        hall.hub.leave(hall.room, member)
    hall.hub.close(hall.room)
    hall.loop.settle()
    assert sum(len(each.heard) for each in members) == 2


# --- reading the past first -------------------------------------------------------------------


def test_what_comes_while_a_member_reads_the_past_is_kept_for_it(hall: Hall) -> None:
    member = Listener(hall.wire)
    hall.hub.hold(hall.room, member)
    hall.publish(3)
    held = hall.hub.go_live(hall.room, member, 1)
    assert [each.seq for each in held or []] == [2, 3]
    hall.publish()
    hall.loop.settle()
    assert member.heard == [4]


def test_more_than_can_be_kept_is_a_gap_and_not_a_part(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_room, "MAX_HELD_BYTES", 1000)
    member = Listener(hall.wire)
    hall.hub.hold(hall.room, member)
    hall.hub.publish(hall.room, [entry(1, data='"' + "x" * 1000 + '"')])
    hall.publish()
    assert hall.hub.go_live(hall.room, member, 0) is None
    hall.publish()
    hall.loop.settle()
    assert member.heard == [3]


def test_entries_that_say_next_to_nothing_are_not_kept_without_end(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an entry costs is not its data alone."""
    monkeypatch.setattr(hub_room, "MAX_HELD_BYTES", 10_000)
    member = Listener(hall.wire)
    hall.hub.hold(hall.room, member)
    for _ in range(1000):
        hall.publish()
    assert hall.hub.go_live(hall.room, member, 0) is None


def test_a_member_that_left_while_it_read_the_past_is_kept_nothing_for(hall: Hall) -> None:
    member = Listener(hall.wire)
    hall.hub.hold(hall.room, member)
    hall.hub.leave(hall.room, member)
    assert hall.room.is_empty
