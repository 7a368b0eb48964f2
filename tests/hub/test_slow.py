"""A reader that is behind: what its room does with what it cannot take, and how it catches up."""

from __future__ import annotations

from itertools import cycle, islice

import pytest

from tests.support.halls import START, Hall
from tests.support.publications import entry
from tidewire.hub import core
from tidewire.hub import tail as tail_module


@pytest.fixture
def dashboard() -> Hall:
    """A room that keeps its slow readers up to date with the latest of each key."""
    return Hall("conflate")


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fan-out to more than two members goes out in pairs."""
    monkeypatch.setattr(core, "CHUNK_MEMBERS", 2)
    monkeypatch.setattr(core, "MAX_MEMBERS_IN_ONE_GO", 2)


def _update(hall: Hall, *keys: str) -> None:
    for key in keys:
        hall.say(key=key)


# --- what is kept -----------------------------------------------------------------------------


def test_a_reader_that_is_behind_is_handed_nothing_and_the_others_everything(
    dashboard: Hall,
) -> None:
    slow, other = dashboard.join(), dashboard.join()
    slow.fill()
    _update(dashboard, "a", "b", "a")
    assert (slow.heard, other.heard) == ([], [1, 2, 3])


def test_one_that_catches_up_is_told_the_latest_of_each_key_and_goes_on_live(
    dashboard: Hall,
) -> None:
    slow = dashboard.join()
    slow.fill()
    _update(dashboard, "a", "b", "a", "b", "a")
    slow.drain()
    _update(dashboard, "b")
    assert slow.heard == ["conflated 1-3", 4, 5, 6]
    assert dashboard.room.tail is None


def test_where_the_oldest_are_dropped_the_newest_are_what_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tail_module, "MAX_TAIL_ENTRIES", 2)
    hall = Hall("drop_oldest")
    slow = hall.join()
    slow.fill()
    hall.say(5)
    slow.drain()
    assert slow.heard == ["dropped 1-3", 4, 5]


def test_a_slow_reader_costs_no_more_however_much_is_published(dashboard: Hall) -> None:
    crowd = [dashboard.join() for _ in range(50)]
    for slow in crowd:
        slow.fill()
    _update(dashboard, *islice(cycle("abc"), 300))
    assert dashboard.room.tail is not None
    assert len(dashboard.room.tail) == 3
    for slow in crowd:
        slow.drain()
    assert [slow.heard for slow in crowd] == [["conflated 1-297", 298, 299, 300]] * 50


def test_whoever_has_caught_up_or_gone_costs_nothing_more(dashboard: Hall) -> None:
    caught_up, gone = dashboard.join(), dashboard.join()
    for slow in (caught_up, gone):
        slow.fill()
    _update(dashboard, "a", "b")
    assert dashboard.hub.readers_behind == 2
    caught_up.drain()
    assert (dashboard.hub.readers_behind, dashboard.hub.tail_bytes > 0) == (1, True)
    dashboard.hub.leave(dashboard.room, gone)
    assert (dashboard.hub.readers_behind, dashboard.hub.tail_bytes) == (0, 0)


def test_joins_leaves_and_signals_are_not_for_who_is_behind(dashboard: Hall) -> None:
    slow, other = dashboard.join(), dashboard.join()
    slow.fill()
    dashboard.announce()
    dashboard.signal("c9")
    dashboard.loop.settle()
    slow.drain()
    assert (slow.heard, other.heard) == ([], ["occupancy", "signal"])


def test_where_slow_readers_are_closed_they_still_miss_events_first() -> None:
    hall = Hall("disconnect")
    slow, other = hall.join(), hall.join()
    slow.fill()
    hall.announce()
    hall.publish(2)
    hall.signal("c9")
    hall.loop.settle()
    assert (slow.heard, other.heard) == ([1, 2], ["occupancy", 1, 2, "signal"])


def test_what_excludes_a_slow_reader_is_said_when_it_catches_up(dashboard: Hall) -> None:
    slow = dashboard.join(client_id="me")
    slow.fill()
    dashboard.say(2, exclude="me", client_id="me")
    dashboard.say()
    slow.drain()
    assert slow.heard == ["echo 1-2", 3]


# --- catching up ------------------------------------------------------------------------------


def test_it_takes_as_much_as_it_can_and_the_rest_the_next_time(
    dashboard: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail_module, "BLOCK_BYTES", 1)
    slow = dashboard.join()
    slow.fill()
    _update(dashboard, "a", "b", "c", "d")
    slow.drain(takes=2)
    assert slow.heard == [1, 2]
    _update(dashboard, "c")
    slow.drain(takes=1)
    assert slow.blocks[2:] == [["conflated 3-3", 4]]
    slow.drain()
    assert slow.heard == [1, 2, "conflated 3-3", 4, 5]


def test_a_busy_room_starves_no_other(dashboard: Hall) -> None:
    slow = dashboard.join()
    quiet = dashboard.hub.open("quiet", START, "conflate")
    dashboard.hub.join(quiet, slow)
    slow.is_behind = True
    dashboard.hub.fall_behind(slow, ["room", "quiet"])
    dashboard.hub.publish(quiet, [entry(1, channel="quiet", key="z")])
    told = []
    for _ in range(2):
        _update(dashboard, "a")
        slow.drain(takes=1)
        told.append(slow.values.keys() - {"a"})
    assert told == [set(), {"z"}]


def test_who_catches_up_without_having_been_behind_is_told_nothing(dashboard: Hall) -> None:
    member = dashboard.join()
    dashboard.publish()
    member.drain()
    assert member.heard == []
    dashboard.loop.settle()
    assert member.heard == [1]


def test_one_that_leaves_while_it_is_behind_leaves_nothing_behind(dashboard: Hall) -> None:
    slow = dashboard.join()
    slow.fill()
    _update(dashboard, "a")
    dashboard.hub.leave(dashboard.room, slow)
    slow.drain()
    assert slow.heard == []
    assert (dashboard.room.tail, dashboard.room.is_empty) == (None, True)


# --- joining ----------------------------------------------------------------------------------


def test_who_joins_while_it_is_behind_is_kept_what_follows(dashboard: Hall) -> None:
    slow = dashboard.listener()
    dashboard.join()
    slow.is_behind = True
    dashboard.publish(2)
    assert dashboard.hub.join(dashboard.room, slow).seq == 2
    dashboard.publish()
    dashboard.loop.settle()
    assert slow.heard == []
    slow.drain()
    assert slow.heard == [3]


def test_one_that_catches_up_before_the_tick_ends_gets_the_rest_of_it_live(
    dashboard: Hall,
) -> None:
    early = dashboard.join()
    dashboard.publish()
    late = dashboard.join()
    dashboard.publish()
    for member in (early, late):
        member.fill()
        member.drain()
    dashboard.loop.settle()
    assert (early.heard, late.heard) == ([1, 2], [2])


def test_what_a_slow_reader_held_while_it_read_the_past_comes_before_the_tail(
    dashboard: Hall,
) -> None:
    slow = dashboard.listener()
    dashboard.hub.hold(dashboard.room, slow)
    dashboard.say(2)
    slow.is_behind = True
    tail = dashboard.hub.go_live(dashboard.room, slow, 0)
    dashboard.say()
    slow.drain()
    assert ([each.seq for each in tail or []], slow.heard) == ([1, 2], [3])


# --- large groups -----------------------------------------------------------------------------


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("number", range(5))
def test_one_that_falls_behind_between_two_chunks_misses_nothing(
    dashboard: Hall, number: int
) -> None:
    members = [dashboard.join() for _ in range(5)]
    dashboard.publish(2)
    dashboard.loop.turn()
    members[number].fill()
    dashboard.loop.settle()
    dashboard.say()
    members[number].drain()
    assert [each.heard for each in members] == [[1, 2, 3]] * 5


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("number", range(5))
def test_one_that_falls_behind_and_catches_up_between_two_chunks_hears_nothing_twice(
    dashboard: Hall, number: int
) -> None:
    members = [dashboard.join() for _ in range(5)]
    dashboard.publish(2)
    dashboard.loop.turn()
    members[number].fill()
    members[number].drain()
    dashboard.loop.settle()
    assert [each.heard for each in members] == [[1, 2]] * 5
