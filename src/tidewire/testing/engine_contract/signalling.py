"""Signals: carried with the tick, conflated, kept nowhere, and never too many."""

from __future__ import annotations

from tidewire.engines.base import Query, Replay
from tidewire.messages import Signal
from tidewire.testing.engine_contract.stand import CHANNEL, OnStage, Stand

ENDLESSLY = 100_000
"""More signals than any engine takes in one tick."""


def _signal(data: str, name: str = "typing", client_id: str = "c1") -> Signal:
    return Signal(CHANNEL, name, "ann", client_id, data)


class SignalContract(OnStage):
    """The tests of signals."""

    def test_of_one_client_and_name_the_latest_is_told_and_others_in_their_order(self) -> None:
        async def scene(stand: Stand) -> None:
            await stand.open()
            for signal in (
                _signal("1"),
                _signal("2", name="cursor"),
                _signal("3", client_id="c2"),
                _signal("4"),
            ):
                stand.engine.signal(signal)
            assert stand.engine.has_work
            assert stand.sink.signals == []
            stand.engine.drain()
            await stand.until(lambda: len(stand.sink.signals) == 3)
            mine = [each.data for each in stand.sink.signals if each.client_id == "c1"]
            assert (mine, sorted(each.data for each in stand.sink.signals)) == (
                ["2", "4"],
                ["2", "3", "4"],
            )
            assert not stand.engine.has_work

        self.play(scene)

    def test_a_signal_is_no_entry(self) -> None:
        async def scene(stand: Stand) -> None:
            head = await stand.open()
            stand.engine.signal(_signal("1"))
            stand.engine.drain()
            await stand.until(lambda: len(stand.sink.signals) == 1)
            page = await stand.engine.read(CHANNEL, stand.options, Query())
            assert (page.head, page.found, stand.sink.entries) == (head, Replay([]), [])

        self.play(scene)

    def test_a_channel_that_is_not_open_is_told_no_signals_and_is_not_kept_for_them(self) -> None:
        async def scene(stand: Stand) -> None:
            await stand.open("another")
            stand.engine.signal(_signal("1"))
            stand.engine.signal(Signal("another", "typing", "ann", "c1", "2"))
            stand.engine.drain()
            await stand.until(lambda: len(stand.sink.signals) > 0)
            assert [each.data for each in stand.sink.signals] == ["2"]
            assert await stand.engine.channels() == ["another"]

        self.play(scene)

    def test_too_many_signals_lose_the_oldest_and_hold_up_nothing(self) -> None:
        async def scene(stand: Stand) -> None:
            await stand.open()
            for number in range(ENDLESSLY):
                stand.engine.signal(_signal(str(number), client_id=str(number)))
            await stand.publish("1")
            await stand.until(lambda: len(stand.sink.signals) > 0)
            told = [int(each.data) for each in stand.sink.signals]
            assert told == [*range(ENDLESSLY - len(told), ENDLESSLY)]
            assert len(told) < ENDLESSLY

        self.play(scene)
