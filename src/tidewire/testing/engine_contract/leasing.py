"""Leases: one holder at a time, and tokens that tell an old one from a new one."""

from __future__ import annotations

from tidewire.engines.base import Lease
from tidewire.testing.engine_contract.stand import OnStage, Stand

TTL_S = 5.0
"""Of leases that are not to run out."""


async def _take(stand: Stand, holder: str, ttl_s: float = TTL_S) -> Lease:
    lease = await stand.engine.lease("room", holder, ttl_s)
    assert lease is not None
    return lease


class LeaseContract(OnStage):
    """The tests of leases."""

    def test_a_lease_has_one_holder_at_a_time(self) -> None:
        async def scene(stand: Stand) -> None:
            lease = await _take(stand, "one")
            assert (lease.name, lease.holder, lease.ttl_s) == ("room", "one", TTL_S)
            assert await stand.engine.lease("room", "two", TTL_S) is None
            other = await stand.engine.lease("another room", "two", TTL_S)
            assert other is not None

        self.play(scene)

    def test_its_holder_keeps_it_with_its_token(self) -> None:
        async def scene(stand: Stand) -> None:
            lease = await _take(stand, "one", 0.5)
            kept = await _take(stand, "one")
            assert (kept.token, kept.ttl_s) == (lease.token, TTL_S)
            self.pass_time(0.6)
            assert await stand.engine.lease("room", "two", TTL_S) is None

        self.play(scene)

    def test_a_lease_that_has_run_out_is_anybodys_and_its_next_token_is_higher(self) -> None:
        async def scene(stand: Stand) -> None:
            first = await _take(stand, "one", 0.05)
            self.pass_time(0.06)
            second = await _take(stand, "two", 0.05)
            self.pass_time(0.06)
            stand.engine.sweep()
            third = await _take(stand, "two", 0.05)
            assert first.token < second.token < third.token

        self.play(scene)

    def test_a_lease_given_back_is_anybodys_at_once(self) -> None:
        async def scene(stand: Stand) -> None:
            first = await _take(stand, "one")
            await stand.engine.release(first)
            second = await _take(stand, "two")
            assert second.token > first.token

        self.play(scene)

    def test_who_has_lost_a_lease_cannot_give_it_back(self) -> None:
        async def scene(stand: Stand) -> None:
            lost = await _take(stand, "one", 0.05)
            self.pass_time(0.06)
            await _take(stand, "two")
            await stand.engine.release(lost)
            assert await stand.engine.lease("room", "one", TTL_S) is None

        self.play(scene)
