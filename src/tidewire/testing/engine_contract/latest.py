"""The latest entry of each key: set, removed, expired, refused, and one with the log."""

from __future__ import annotations

from msgspec.structs import replace

from tidewire.engines.base import Query
from tidewire.history.latest import MAX_KEYS
from tidewire.testing.engine_contract.stand import CHANNEL, OnStage, Stand


class LatestContract(OnStage):
    """The tests of snapshots."""

    def test_a_snapshot_is_the_latest_entry_of_each_key_by_rising_seq(self) -> None:
        async def scene(stand: Stand) -> None:
            for key, data in (("a", "1"), ("b", "2"), ("a", "3")):
                await stand.publish(data, key=key)
            await stand.publish("no key")
            assert list((await stand.keys()).items()) == [("b", "2"), ("a", "3")]

        self.play(scene)

    def test_removing_a_key_is_an_entry_like_any_other(self) -> None:
        async def scene(stand: Stand) -> None:
            await stand.publish("1", key="a")
            (place,) = await stand.publish("null", key="a", op="remove")
            assert await stand.keys() == {}
            assert await stand.latest() == ["1", "null"]
            page = await stand.engine.read(CHANNEL, stand.options, Query())
            assert page.head == place

        self.play(scene)

    def test_what_is_set_and_removed_in_one_tick_ends_as_its_last_says(self) -> None:
        async def scene(stand: Stand) -> None:
            receipts = [
                stand.submit("1", key="a"),
                stand.submit("2", key="b"),
                stand.submit("null", key="a", op="remove"),
                stand.submit("null", key="b", op="remove"),
                stand.submit("3", key="b"),
            ]
            await stand.outcomes(receipts)
            assert await stand.keys() == {"b": "3"}

        self.play(scene)

    def test_a_snapshot_stands_at_its_head_so_that_live_entries_follow_without_a_hole(self) -> None:
        async def scene(stand: Stand) -> None:
            await stand.open()
            for number in range(20):
                stand.submit(str(number), key="a")
                stand.engine.drain()
                snapshot = await stand.engine.snapshot(CHANNEL, stand.options)
                told = max((each.seq for each in stand.sink.entries), default=0)
                assert max((each.seq for each in snapshot.entries), default=0) == snapshot.head.seq
                assert snapshot.head.seq <= told

        self.play(scene)

    def test_a_key_outlives_its_entry_in_history(self) -> None:
        async def scene(stand: Stand) -> None:
            await stand.publish("kept", key="a")
            await stand.publish(*"12345")
            assert await stand.latest() == [*"12345"]
            assert await stand.keys() == {"a": "kept"}

        self.play(scene)

    def test_a_channel_that_keeps_no_history_may_keep_the_latest(self) -> None:
        async def scene(stand: Stand) -> None:
            stand.options = replace(stand.options, history_size=0)
            (place,) = await stand.publish("1", key="a")
            snapshot = await stand.engine.snapshot(CHANNEL, stand.options)
            assert (snapshot.head, [each.data for each in snapshot.entries]) == (place, ["1"])

        self.play(scene)

    def test_a_key_is_gone_past_its_end_and_not_before(self) -> None:
        async def scene(stand: Stand) -> None:
            end_ms = int(self.now_s() * 1000) + 500
            await stand.publish("1", key="a", expires_at=end_ms)
            await stand.publish("2", key="b")
            assert await stand.keys() == {"a": "1", "b": "2"}
            self.pass_time(0.501)
            assert await stand.keys() == {"b": "2"}
            assert await stand.latest() == ["1", "2"]

        self.play(scene)

    def test_a_key_set_again_lasts_until_its_new_end(self) -> None:
        async def scene(stand: Stand) -> None:
            await stand.publish("1", key="a", expires_at=int(self.now_s() * 1000) + 100)
            await stand.publish("2", key="a")
            self.pass_time(0.101)
            stand.engine.sweep()
            assert await stand.keys() == {"a": "2"}

        self.play(scene)

    def test_a_channel_that_does_not_keep_the_latest_has_no_keys(self) -> None:
        async def scene(stand: Stand) -> None:
            stand.options = replace(stand.options, keeps_latest=False)
            await stand.publish("1", key="a")
            assert await stand.keys() == {}

        self.play(scene)

    def test_a_key_for_which_there_is_no_room_is_refused_and_leaves_no_trace(self) -> None:
        async def scene(stand: Stand) -> None:
            await stand.outcomes([stand.submit("1", key=str(n)) for n in range(MAX_KEYS)])
            await stand.end([refused := stand.submit("too many", key="one more")])
            assert (refused.outcome, refused.position) == ("refused", None)
            (place,) = await stand.publish("2", key="7")
            assert place.seq == MAX_KEYS + 1
            await stand.publish("null", key="8", op="remove")
            await stand.publish("3", key="one more")
            keys = await stand.keys()
            assert (len(keys), keys["7"], keys["one more"]) == (MAX_KEYS, "2", "3")

        self.play(scene)

    def test_a_key_that_has_expired_makes_room(self) -> None:
        async def scene(stand: Stand) -> None:
            end_ms = int(self.now_s() * 1000) + 500
            full = [stand.submit("1", key=str(n), expires_at=end_ms) for n in range(MAX_KEYS)]
            await stand.outcomes(full)
            self.pass_time(0.501)
            await stand.publish("2", key="one more")
            assert await stand.keys() == {"one more": "2"}

        self.play(scene)
