"""The suite every engine passes: Tidewire's own, and yours.

Subclass it in your tests and say how one of your engines is made:

    from tidewire.testing.engine_contract import EngineContract

    class TestMyEngine(EngineContract):
        def make_engine(self) -> Engine:
            return MyEngine(...)

Every promise of ``tidewire.engines.base.Engine`` is a test. Needs pytest to run
it, starts one event loop for each test, and waits for no clock.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from tidewire.channels.options import ChannelOptions
from tidewire.engines.base import Engine, Query, Receipt
from tidewire.history.log import Gap, Replay
from tidewire.messages import Position, Publication, Signal

CHANNEL = "contract"
TURNS = 1_000
"""How often the loop turns before a test gives up on an outcome."""


class RecordingSink:
    """A node's side that keeps what it is told."""

    def __init__(self) -> None:
        self.entries: list[Publication] = []
        self.receipts: list[Receipt] = []
        self.signals: list[Signal] = []

    def applied(self, channel: str, entries: Sequence[Publication]) -> None:
        self.entries.extend(entries)

    def signalled(self, channel: str, signals: Sequence[Signal]) -> None:
        self.signals.extend(signals)

    def settled(self, receipts: Sequence[Receipt]) -> None:
        self.receipts.extend(receipts)


class Stand:
    """An engine that has been started, its sink, and short words for what tests do."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.sink = RecordingSink()
        self.options = ChannelOptions(history_size=5)
        engine.start(self.sink)

    async def open(self, channel: str = CHANNEL) -> Position:
        return await self.engine.open(channel, self.options)

    def submit(self, data: str, channel: str = CHANNEL, once: str | None = None) -> Receipt:
        """Queue one publication of the user ``ann``; its receipt is still pending."""
        entry = Publication(channel, 0, "", 0, "ann", "c1", data, once=once)
        receipt = Receipt(channel, None, 1)
        assert self.engine.submit(entry, self.options, receipt)
        return receipt

    async def publish(self, *data: str, channel: str = CHANNEL) -> list[Position]:
        """Publish in one tick, and wait until all have been accepted."""
        receipts = [self.submit(each, channel) for each in data]
        return await self.outcomes(receipts)

    async def outcomes(self, receipts: Sequence[Receipt]) -> list[Position]:
        """The positions of what was submitted, once all have ended well."""
        self.engine.drain()
        for _ in range(TURNS):
            if all(each.outcome != "pending" for each in receipts):
                break
            await asyncio.sleep(0)
        positions = [each.position for each in receipts if each.position is not None]
        assert [each.outcome for each in receipts] == ["accepted"] * len(positions)
        return positions

    async def since(self, position: Position, limit: int | None = None) -> list[str] | str:
        """The data of what follows ``position``, or "gap"."""
        page = await self.engine.read(CHANNEL, self.options, Query(position, limit=limit))
        return "gap" if isinstance(page.found, Gap) else _data(page.found)

    async def latest(self, limit: int | None = None) -> list[str]:
        page = await self.engine.read(CHANNEL, self.options, Query(limit=limit))
        assert isinstance(page.found, Replay)
        return _data(page.found)


def _data(replay: Replay) -> list[str]:
    return [each.data for each in replay.entries]


class EngineContract:
    """The tests. A subclass says how an engine is made."""

    def make_engine(self) -> Engine:
        """A new engine that has not been started and knows no channel."""
        raise NotImplementedError

    def play(self, scene: Callable[[Stand], Awaitable[None]]) -> None:
        """Run ``scene`` with a fresh engine, and stop the engine after it."""

        async def on_stage() -> None:
            stand = Stand(self.make_engine())
            try:
                await scene(stand)
            finally:
                await stand.engine.stop()

        asyncio.run(on_stage())

    # -- order ---------------------------------------------------------------------------------

    def test_entries_are_handed_over_by_rising_seq_without_a_hole(self) -> None:
        async def scene(stand: Stand) -> None:
            head = await stand.open()
            for tick in ("abc", "d", "ef"):
                await stand.publish(*tick)
            first = head.seq + 1
            assert [each.seq for each in stand.sink.entries] == list(range(first, first + 6))
            assert "".join(each.data for each in stand.sink.entries) == "abcdef"

        self.play(scene)

    def test_the_first_entry_after_opening_follows_the_answered_head(self) -> None:
        async def scene(stand: Stand) -> None:
            await stand.publish("1", "2")
            head = await stand.open()
            await stand.publish("3")
            assert [each.seq for each in stand.sink.entries] == [head.seq + 1]

        self.play(scene)

    def test_channels_are_numbered_apart(self) -> None:
        async def scene(stand: Stand) -> None:
            await stand.open("one")
            await stand.open("two")
            here = await stand.publish("1", "2", channel="one")
            there = await stand.publish("1", channel="two")
            assert [here[1].seq - here[0].seq, there[0].seq] == [1, here[0].seq]

        self.play(scene)

    def test_a_channel_that_was_closed_is_carried_no_more_and_its_log_is_kept(self) -> None:
        async def scene(stand: Stand) -> None:
            await stand.open()
            (place,) = await stand.publish("1")
            stand.engine.close(CHANNEL)
            await stand.publish("2")
            assert [each.data for each in stand.sink.entries] == ["1"]
            assert await stand.since(place) == ["2"]

        self.play(scene)

    # -- acknowledging -------------------------------------------------------------------------

    def test_submitting_calls_nobody_back(self) -> None:
        async def scene(stand: Stand) -> None:
            await stand.open()
            receipt = stand.submit("1")
            assert stand.engine.has_work
            assert (receipt.outcome, stand.sink.entries, stand.sink.receipts) == ("pending", [], [])

        self.play(scene)

    def test_each_receipt_ends_once_and_comes_back_as_it_was_given(self) -> None:
        async def scene(stand: Stand) -> None:
            receipts = [stand.submit(each) for each in "abc"]
            await stand.outcomes(receipts)
            stand.engine.drain()
            assert all(
                ours is theirs for ours, theirs in zip(receipts, stand.sink.receipts, strict=True)
            )

        self.play(scene)

    def test_what_is_acknowledged_is_in_history_at_the_position_it_was_given(self) -> None:
        async def scene(stand: Stand) -> None:
            (position,) = await stand.publish("1")
            page = await stand.engine.read(CHANNEL, stand.options, Query())
            assert page.head == position
            assert await stand.latest() == ["1"]

        self.play(scene)

    def test_everything_an_entry_was_submitted_with_is_kept(self) -> None:
        async def scene(stand: Stand) -> None:
            await stand.open()
            data = '{"text":"\u2603 \\u0000"}'
            entry = Publication(CHANNEL, 0, "", 0, "ann", "c1", data, "chat", "o", "k", 7)
            stand.engine.submit(entry, stand.options, receipt := Receipt(CHANNEL, None, 1))
            (position,) = await stand.outcomes([receipt])
            page = await stand.engine.read(CHANNEL, stand.options, Query(limit=1))
            assert isinstance(page.found, Replay)
            (kept,), (handed,) = page.found.entries, stand.sink.entries
            assert kept == handed
            given = (
                kept.user_id,
                kept.client_id,
                kept.data,
                kept.kind,
                kept.once,
                kept.key,
                kept.ref,
            )
            assert given == ("ann", "c1", data, "chat", "o", "k", 7)
            assert (kept.seq, kept.tag) == (position.seq, position.tag)
            assert kept.timestamp > 0

        self.play(scene)

    def test_a_repeated_once_key_publishes_once_and_answers_the_first_position(self) -> None:
        async def scene(stand: Stand) -> None:
            await stand.open()
            first = await stand.outcomes([stand.submit("1", once="o"), stand.submit("2", once="o")])
            again = await stand.outcomes([stand.submit("3", once="o")])
            assert [*first, *again] == [first[0]] * 3
            assert [each.data for each in stand.sink.entries] == await stand.latest() == ["1"]

        self.play(scene)

    def test_a_once_key_is_one_channels_and_one_users(self) -> None:
        async def scene(stand: Stand) -> None:
            await stand.outcomes([stand.submit("1", once="o"), stand.submit("2", "two", once="o")])
            entry = Publication(CHANNEL, 0, "", 0, "bob", "c2", "3", once="o")
            stand.engine.submit(entry, stand.options, receipt := Receipt(CHANNEL, None, 1))
            await stand.outcomes([receipt])
            assert await stand.latest() == ["1", "3"]

        self.play(scene)

    def test_what_is_in_flight_when_the_engine_stops_ends_as_unknown(self) -> None:
        async def scene(stand: Stand) -> None:
            receipt = stand.submit("1")
            await stand.engine.stop()
            assert stand.sink.receipts == [receipt]
            assert receipt.outcome == "unknown"

        self.play(scene)

    # -- reading -------------------------------------------------------------------------------

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

    # -- bounds --------------------------------------------------------------------------------

    def test_what_is_in_flight_is_bounded_and_what_was_taken_is_not_lost(self) -> None:
        async def scene(stand: Stand) -> None:
            entries = (Publication(CHANNEL, 0, "", 0, "ann", "c1", "1") for _ in range(200_000))
            taken = 0
            while stand.engine.submit(next(entries), stand.options, None):
                taken += 1
            stand.engine.drain()
            (place,) = await stand.publish("last")
            assert place.seq == taken + 1

        self.play(scene)
