"""Publishing: order, acknowledgements, what is kept, and how much may be in flight."""

from __future__ import annotations

from typing import Any

from tidewire.engines.base import Query, Replay
from tidewire.messages import Publication
from tidewire.testing.engine_contract.stand import CHANNEL, OnStage, Stand


class PublishingContract(OnStage):
    """The tests of publishing."""

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
            given: dict[str, Any] = {
                "user_id": "\u2603",
                "client_id": "c2",
                "kind": "chat",
                "once": "o",
                "key": "k",
                "ref": 2**53 - 1,
                "tags": {"a": "\u2603"},
                "encoding": "base64",
                "expires_at": 2**45,
                "exclude": "c3",
            }
            (position,) = await stand.publish(data, **given)
            (removed,) = await stand.publish("null", key="k", op="remove")
            page = await stand.engine.read(CHANNEL, stand.options, Query())
            assert isinstance(page.found, Replay)
            assert page.found.entries == stand.sink.entries
            kept, gone = page.found.entries
            assert {name: getattr(kept, name) for name in given} == given
            assert (kept.data, kept.seq, kept.tag) == (data, position.seq, position.tag)
            assert kept.op is None
            assert (gone.seq, gone.tag, gone.op) == (removed.seq, removed.tag, "remove")
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
            await stand.publish("3", user_id="bob", once="o")
            assert await stand.latest() == ["1", "3"]

        self.play(scene)

    def test_an_entry_is_told_before_its_receipt(self) -> None:
        async def scene(stand: Stand) -> None:
            await stand.open()
            await stand.publish("1")
            assert stand.sink.order == ["1", "accepted"]

        self.play(scene)

    def test_nothing_is_pending_once_the_engine_has_stopped(self) -> None:
        async def scene(stand: Stand) -> None:
            drained = stand.submit("1")
            stand.engine.drain()
            receipts = [drained, stand.submit("2")]
            await stand.engine.stop()
            assert stand.sink.receipts == receipts
            assert {each.outcome for each in receipts} <= {"accepted", "unknown"}

        self.play(scene)

    # -- bounds --------------------------------------------------------------------------------

    def test_what_is_in_flight_is_bounded_and_what_was_taken_is_not_lost(self) -> None:
        async def scene(stand: Stand) -> None:
            entries = (Publication(CHANNEL, 0, "", 0, "ann", "c1", "1") for _ in range(200_000))
            taken = 0
            while stand.engine.submit(next(entries), stand.options, None):
                taken += 1
            assert stand.engine.in_flight == taken
            stand.engine.drain()
            assert not stand.engine.has_work
            await stand.until(lambda: stand.engine.submit(next(entries), stand.options, None))
            (place,) = await stand.publish("last")
            assert place.seq == taken + 2

        self.play(scene)
