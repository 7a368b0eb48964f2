"""What is not for everybody: one's own signals, and entries that exclude one."""

from __future__ import annotations

import pytest

from tests.support.halls import Hall
from tests.support.peers import LineWire
from tidewire.hub import core


@pytest.fixture
def hall() -> Hall:
    return Hall()


def test_whom_an_entry_excludes_is_told_that_it_is_left_out_in_its_place(hall: Hall) -> None:
    member, other = hall.join(client_id="me"), hall.join(client_id="you")
    hall.publish()
    hall.publish(exclude="me", client_id="you")
    hall.publish()
    hall.loop.settle()
    assert member.heard == [1, "excluded 2-2", 3]
    assert other.heard == [1, 2, 3]


def test_a_publisher_that_wants_no_echo_is_told_so_once_for_all_that_follow_each_other(
    hall: Hall,
) -> None:
    member = hall.join(client_id="me")
    hall.publish(3, exclude="me", client_id="me")
    hall.publish()
    hall.publish(exclude="me", client_id="me")
    hall.loop.settle()
    assert member.heard == ["echo 1-3", 4, "echo 5-5"]


def test_why_an_entry_is_left_out_is_not_mixed_up(hall: Hall) -> None:
    member = hall.join(client_id="me")
    hall.publish(exclude="me", client_id="me")
    hall.publish(exclude="me", client_id="you")
    hall.loop.settle()
    assert member.heard == ["echo 1-1", "excluded 2-2"]


def test_one_tick_is_not_told_apart_because_an_earlier_one_was(hall: Hall) -> None:
    member = hall.join(client_id="me")
    hall.say(exclude="me")
    hall.say()
    assert member.heard == ["excluded 1-1", 2]


def test_who_is_excluded_and_elsewhere_is_nobody_here(hall: Hall) -> None:
    member = hall.join(client_id="me")
    hall.say(exclude="far away")
    assert member.heard == [1]


def test_one_that_joins_late_is_not_told_of_what_it_would_not_have_been_sent(hall: Hall) -> None:
    hall.join()
    hall.publish(2, exclude="me")
    member = hall.join(client_id="me")
    hall.publish(exclude="me")
    hall.loop.settle()
    assert member.heard == ["excluded 3-3"]


def test_members_of_every_wire_are_spared_alike(hall: Hall) -> None:
    member, same, other = hall.join(client_id="me"), hall.join(), hall.join(LineWire())
    hall.say(exclude="me")
    assert [each.heard for each in (member, same, other)] == [["excluded 1-1"], [1], [1]]


def test_one_that_is_excluded_from_a_large_group_is_told_at_once(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(core, "CHUNK_MEMBERS", 2)
    monkeypatch.setattr(core, "MAX_MEMBERS_IN_ONE_GO", 2)
    members = [hall.join(client_id=f"c{number}") for number in range(5)]
    hall.say(exclude="c3")
    assert [each.heard for each in members] == [[1], [1], [1], ["excluded 1-1"], [1]]


# --- signals ----------------------------------------------------------------------------------


def test_a_signal_reaches_everyone_but_its_sender(hall: Hall) -> None:
    sender, other = hall.join(client_id="me"), hall.join(client_id="you")
    hall.signal("me")
    hall.loop.settle()
    assert (sender.heard, other.heard) == ([], ["signal"])


def test_of_one_client_and_name_only_the_latest_of_a_tick_is_told(hall: Hall) -> None:
    listener = hall.join()
    for _ in range(3):
        hall.signal("c1", "typing")
        hall.signal("c1", "cursor")
        hall.signal("c2", "cursor")
    hall.loop.settle()
    assert listener.heard == ["signal"] * 3


def test_signals_come_after_the_entries_of_their_tick(hall: Hall) -> None:
    listener = hall.join()
    hall.signal("c1")
    hall.publish()
    hall.loop.settle()
    assert listener.heard == [1, "signal"]


def test_a_signal_that_is_taken_back_is_never_told(hall: Hall) -> None:
    listener = hall.join()
    hall.signal("c1")
    hall.hub.unsay(hall.room, ("c1", "typing"))
    hall.loop.settle()
    assert listener.blocks == []


def test_a_signal_where_nobody_is_costs_nothing(hall: Hall) -> None:
    hall.signal("c1")
    assert not hall.hub.has_work
