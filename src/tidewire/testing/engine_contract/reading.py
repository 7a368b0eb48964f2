"""Reading: what a query is answered, and what is a gap."""

from __future__ import annotations

from msgspec.structs import replace

from tidewire.engines.base import Query, Replay
from tidewire.messages import MAX_SAFE_INTEGER, Position
from tidewire.testing.engine_contract.stand import CHANNEL, OnStage, Stand


class ReadingContract(OnStage):
    """The tests of reading."""

    def test_a_reader_gets_exactly_what_follows_its_position(self) -> None:
        async def scene(stand: Stand) -> None:
            start = await stand.open()
            places = await stand.publish("1", "2", "3")
            assert await stand.since(start) == ["1", "2", "3"]
            assert await stand.since(places[0]) == ["2", "3"]
            assert await stand.since(places[2]) == []

        self.play(scene)

    def test_a_reader_may_ask_for_a_part(self) -> None:
        async def scene(stand: Stand) -> None:
            places = await stand.publish("1", "2", "3", "4")
            assert await stand.since(places[0], 2) == ["2", "3"]
            assert await stand.latest(2) == ["3", "4"]

        self.play(scene)

    def test_what_cannot_be_told_for_certain_is_a_gap(self) -> None:
        """Another epoch, ahead of the log, or another entry at the same place."""

        async def scene(stand: Stand) -> None:
            (place,) = await stand.publish("1")
            assert await stand.since(Position("another", place.seq, place.tag)) == "gap"
            assert await stand.since(Position(place.epoch, place.seq + 1, "ahead")) == "gap"
            assert await stand.since(Position(place.epoch, place.seq, "another")) == "gap"

        self.play(scene)

    def test_an_entry_that_has_left_history_is_a_gap_for_whoever_missed_it(self) -> None:
        async def scene(stand: Stand) -> None:
            start = await stand.open()
            await stand.publish(*"123456")
            assert await stand.since(start) == "gap"
            assert await stand.latest() == ["2", "3", "4", "5", "6"]

        self.play(scene)

    def test_a_page_of_an_open_channel_is_never_ahead_of_what_was_handed_over(self) -> None:
        async def scene(stand: Stand) -> None:
            await stand.open()
            for each in "123":
                stand.submit(each)
                stand.engine.drain()
                page = await stand.engine.read(CHANNEL, stand.options, Query())
                assert page.head.seq <= max((e.seq for e in stand.sink.entries), default=0)

        self.play(scene)

    def test_every_entry_has_a_tag_of_its_own(self) -> None:
        async def scene(stand: Stand) -> None:
            places = await stand.publish("same", "same", "same")
            assert len({each.tag for each in places} | {""}) == 4

        self.play(scene)

    def test_a_log_is_paged_through_either_way_without_a_hole(self) -> None:
        async def scene(stand: Stand) -> None:
            first, *_, last = await stand.publish("1", "2", "3", "4", "5")
            assert await stand.read(Query(since=first, limit=2)) == ["2", "3"]
            assert await stand.read(Query(before=last, limit=2)) == ["3", "4"]
            assert await stand.read(Query(first, last)) == ["2", "3", "4"]
            assert await stand.read(Query(first, last, limit=2)) == ["2", "3"]
            assert await stand.read(Query(before=first)) == []

        self.play(scene)

    def test_newest_first_turns_the_answer_and_the_end_that_is_kept(self) -> None:
        async def scene(stand: Stand) -> None:
            first, *_, last = await stand.publish("1", "2", "3", "4", "5")
            assert await stand.read(Query(limit=2, newest_first=True)) == ["5", "4"]
            assert await stand.read(Query(since=first, limit=2, newest_first=True)) == ["5", "4"]
            assert await stand.read(Query(before=last, limit=2, newest_first=True)) == ["4", "3"]
            assert await stand.read(Query(first, last, newest_first=True)) == ["4", "3", "2"]

        self.play(scene)

    def test_what_precedes_a_place_that_is_not_here_is_a_gap_too(self) -> None:
        """Catalogue 77 and 78."""

        async def scene(stand: Stand) -> None:
            *_, place = await stand.publish(*"123456")
            epoch, seq, tag = place.epoch, place.seq, place.tag
            for other in (
                Position("another", seq, tag),
                Position(epoch, seq, "another"),
                Position(epoch, seq - 1, tag),
                Position(epoch, seq + 1),
                Position(epoch, MAX_SAFE_INTEGER, tag),
                Position(epoch, max(0, seq - 6)),
            ):
                assert await stand.read(Query(before=other)) == "gap"

        self.play(scene)

    def test_what_is_too_old_is_told_to_nobody(self) -> None:
        async def scene(stand: Stand) -> None:
            stand.options = replace(stand.options, history_ttl_s=0.05)
            start = await stand.open()
            (place,) = await stand.publish("old")
            self.pass_time(0.06)
            assert await stand.latest() == []
            assert await stand.since(start) == "gap"
            assert await stand.since(place) == []

        self.play(scene)

    def test_reading_what_nobody_has_published_in_answers_a_start(self) -> None:
        async def scene(stand: Stand) -> None:
            page = await stand.engine.read("nowhere", stand.options, Query())
            assert (page.head.seq, page.head.tag, page.found) == (0, "", Replay([]))
            assert await stand.engine.channels() == []

        self.play(scene)

    def test_the_channels_that_are_open_or_keep_something_are_listed(self) -> None:
        async def scene(stand: Stand) -> None:
            await stand.publish("1", channel="kept")
            await stand.open("an open one")
            assert await stand.engine.channels() == ["an open one", "kept"]

        self.play(scene)
