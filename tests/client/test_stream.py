"""One channel as its reader sees it: in order, each once, or told what is missing."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.support.arrivals import CHANNEL, at, entry, page, shown, skip
from tidewire import messages
from tidewire.client.events import Gap, Skip
from tidewire.client.reading import Page
from tidewire.client.stream import MAX_HELD, Delivery, Stream, Told


def _live(position: int = 5) -> Stream:
    """A stream that is live after entry ``position``."""
    stream = Stream(CHANNEL)
    stream.ask()
    stream.subscribed(page(at(position), "none"))
    return stream


def test_entries_come_in_order_and_move_the_position() -> None:
    stream = _live()
    assert shown(stream.entry(entry(6)) + stream.entry(entry(7))) == [6, 7]
    assert stream.position == at(7)


def test_an_entry_that_is_there_already_is_dropped() -> None:
    stream = _live()
    assert stream.entry(entry(5)) == []


def test_a_reconnect_asks_from_the_position_and_goes_on_without_a_hole() -> None:
    stream = _live()
    stream.disconnected()
    assert stream.ask() == {"channel": CHANNEL, "since": at(5)}
    told = stream.subscribed(page(at(6), seqs=[6], more=True))
    told += stream.subscribed(page(at(8), seqs=[7, 8]))
    told += stream.entry(entry(9))
    assert shown(told) == [6, 7, 8, 9]


def test_pages_cut_off_in_the_middle_are_gone_on_from() -> None:
    stream = _live()
    stream.ask()
    stream.subscribed(page(at(6), seqs=[6], more=True))
    assert stream.ask() == {"channel": CHANNEL, "since": at(6)}


def test_the_latest_so_many_are_asked_for_once() -> None:
    stream = Stream(CHANNEL, rewind=3)
    assert stream.ask() == {"channel": CHANNEL, "rewind": 3}
    assert shown(stream.subscribed(page(at(9), "none", [7, 8, 9]))) == [7, 8, 9]
    assert stream.ask() == {"channel": CHANNEL, "since": at(9)}


def test_a_gap_is_told_and_what_follows_it_is_taken() -> None:
    stream = _live()
    stream.ask()
    told = stream.subscribed(page(at(90), "gap")) + stream.entry(entry(91))
    assert shown(told) == [("gap", 90), 91]


def test_another_epoch_is_a_gap_whatever_the_server_calls_it() -> None:
    stream = _live()
    stream.ask()
    assert shown(stream.subscribed(page(at(2, "e2"), "complete"))) == [("gap", 2)]
    assert stream.position == at(2, "e2")


def test_a_gap_after_pages_keeps_what_they_brought() -> None:
    stream = _live()
    stream.ask()
    told = stream.subscribed(page(at(6), seqs=[6], more=True))
    told += stream.subscribed(page(at(99), "gap"))
    assert shown(told) == [6, ("gap", 99)]


def test_a_snapshot_is_the_state_and_comes_after_the_gap_it_heals() -> None:
    stream = _live()
    stream.ask()
    told = stream.subscribed(page(at(40), "gap", [3, 12], more=True, snapshot=True))
    assert stream.position == at(5)
    told += stream.subscribed(page(at(44), "gap", [30], snapshot=True))
    assert shown(told) == [("gap", 40), 3, 12, 30]
    assert stream.position == at(44)


def test_live_entries_that_overtake_the_answer_wait_for_it() -> None:
    """Subscribed by the server, as to the lobby, and asking for what came before."""
    stream = _live()
    stream.ask()
    assert stream.entry(entry(8)) == []
    told = stream.subscribed(page(at(7), seqs=[6, 7])) + stream.entry(entry(9))
    assert shown(told) == [6, 7, 8, 9]


def test_what_the_server_sent_before_anybody_read_is_read_from_history() -> None:
    stream = Stream(CHANNEL, rewind=2)
    stream.ask(at(9))
    told = stream.subscribed(page(at(7), "none", [6, 7]))
    assert stream.hole == at(7)
    told += stream.entry(entry(10)) + stream.repaired(page(at(10), seqs=[8, 9, 10]))
    assert shown(told) == [6, 7, 8, 9, 10]


def test_who_asks_for_what_comes_from_now_on_is_not_shown_what_the_server_sent_before() -> None:
    stream = Stream(CHANNEL)
    assert stream.ask(at(9))["since"] == at(9)
    assert shown(stream.subscribed(page(at(7))) + stream.entry(entry(10))) == [10]


def test_the_servers_own_subscribe_starts_a_stream_that_nobody_asked_for() -> None:
    stream = Stream(CHANNEL)
    stream.subscribed(page(at(3), "none", unasked=True))
    assert shown(stream.entry(entry(4))) == [4]


def test_the_servers_own_subscribe_does_not_move_a_stream_that_waits_for_its_past() -> None:
    stream = _live()
    stream.ask()
    assert stream.subscribed(page(at(9), "none", unasked=True)) == []
    assert shown(stream.subscribed(page(at(6), seqs=[6]))) == [6]


def test_what_is_left_out_on_purpose_is_no_hole() -> None:
    stream = _live()
    assert shown(stream.skipped(skip(6, 8)) + stream.entry(entry(9))) == [(6, 8), 9]


def test_a_hole_is_read_from_history_while_live_entries_wait() -> None:
    stream = _live()
    assert stream.entry(entry(8)) == []
    assert stream.hole == at(5)
    assert stream.entry(entry(9)) == []
    assert shown(stream.repaired(page(at(9), seqs=[6, 7, 8, 9]))) == [6, 7, 8, 9]
    assert stream.hole is None


def test_a_long_hole_is_read_page_by_page() -> None:
    stream = _live()
    stream.entry(entry(9))
    told = stream.repaired(replace(page(at(6), seqs=[6]), more=True))
    assert stream.hole == at(6)
    told += stream.repaired(page(at(8), seqs=[7, 8]))
    assert shown(told) == [6, 7, 8, 9]


def test_a_hole_that_history_cannot_fill_is_told() -> None:
    stream = _live()
    stream.entry(entry(8))
    assert shown(stream.repaired(page(at(9), "gap"))) == [("gap", 7), 8]


def test_a_hole_that_may_not_be_read_is_told() -> None:
    stream = _live()
    stream.entry(entry(8))
    assert shown(stream.repaired(None)) == [("gap", 7), 8]


def test_a_hole_that_history_does_not_know_of_either_is_told() -> None:
    stream = _live()
    stream.entry(entry(8))
    assert shown(stream.repaired(page(at(5)))) == [("gap", 7), 8]


def test_more_than_can_be_held_is_repaired_a_second_time() -> None:
    stream = _live(0)
    for seq in range(2, MAX_HELD + 10):
        stream.entry(entry(seq))
    stream.repaired(page(at(1), seqs=[1]))
    assert stream.position == at(MAX_HELD + 1)
    stream.entry(entry(MAX_HELD + 10))
    assert stream.hole == at(MAX_HELD + 1)


def test_the_servers_gap_is_told_and_gone_on_from() -> None:
    stream = _live()
    lost = messages.Lost(channel=CHANNEL, epoch="e1", seq=20, tag="t20")
    assert shown(stream.lost(lost) + stream.entry(entry(21))) == [("gap", 20), 21]


def test_what_is_set_aside_is_read_from_history_when_there_is_room() -> None:
    stream = _live()
    stream.set_aside()
    assert stream.entry(entry(6)) == []
    stream.catch_up()
    assert stream.hole == at(5)
    assert shown(stream.repaired(page(at(6), seqs=[6])) + stream.entry(entry(7))) == [6, 7]


def test_after_a_disconnect_nothing_is_taken_before_the_answer() -> None:
    stream = _live()
    stream.disconnected()
    assert stream.entry(entry(6)) == []
    assert stream.position == at(5)


# --- any order of events ----------------------------------------------------------------------

STEPS = st.lists(
    st.sampled_from(["publish", "lose", "cut", "skip", "trim", "restart"]), max_size=40
)


class Server:
    """A log, a network that loses messages, and a stream behind it: an honest model."""

    def __init__(self) -> None:
        self.epoch, self.head, self.trimmed = 1, 0, 0
        self.told: list[Told] = []
        self.stream = Stream(CHANNEL)
        self._come_back()

    def step(self, kind: str) -> None:
        match kind:
            case "publish" | "lose":
                self.head += 1
                if kind == "publish":
                    self._take(self.stream.entry(entry(self.head)))
            case "skip":
                self.head += 1
                self._take(self.stream.skipped(skip(self.head, self.head)))
            case "cut":
                self.stream.disconnected()
                self._come_back()
            case "trim":
                self.trimmed = self.head
            case "restart":
                self.epoch, self.head, self.trimmed = self.epoch + 1, 0, 0
                self.step("cut")

    def _come_back(self) -> None:
        since = self.stream.ask().get("since")
        self._take(self.stream.subscribed(self._page(since)))

    def _take(self, told: list[Told]) -> None:
        self.told += told
        while (hole := self.stream.hole) is not None:
            self.told += self.stream.repaired(self._page(hole))

    def _page(self, since: messages.Position | None) -> Page:
        head = at(self.head, f"e{self.epoch}")
        if since is None:
            return page(head, "none")
        if since.epoch != head.epoch or since.seq < self.trimmed:
            return page(head, "gap")
        return page(head, "complete", range(since.seq + 1, self.head + 1))


@given(STEPS)
def test_under_any_faults_no_entry_comes_twice_and_no_hole_is_silent(steps: list[str]) -> None:
    server = Server()
    for step in [*steps, "publish"]:
        server.step(step)
    places = [_place(each) for each in server.told]
    for before, after in pairwise(places):
        assert after.is_gap or after.first == before.last + 1
    assert server.stream.position == at(server.head, f"e{server.epoch}")


class Place(NamedTuple):
    """Which stretch of a log something told is about."""

    first: int
    last: int
    is_gap: bool = False


def _place(told: Told) -> Place:
    match told:
        case Delivery():
            seq = told.arrived.envelope.seq
            return Place(seq, seq)
        case Gap():
            return Place(told.position.seq, told.position.seq, is_gap=True)
        case Skip():
            return Place(told.first, told.last)
