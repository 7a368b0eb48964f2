"""The table of leases: how many there may be, and what makes room."""

from __future__ import annotations

import pytest

from tidewire.engines import leases
from tidewire.engines.leases import Lease, Leases
from tidewire.errors import EngineUnavailable
from tidewire.testing.clock import FakeClock


def _lease(name: str, token: int = 1) -> Lease:
    return Lease(name, "one", token, 10)


def test_too_many_leases_are_refused_and_one_that_is_held_can_be_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(leases, "MAX_LEASES", 2)
    table = Leases(FakeClock())
    table.grant(_lease("a"))
    table.grant(_lease("b"))
    table.renew(_lease("a"), 20)
    with pytest.raises(EngineUnavailable):
        table.grant(_lease("c"))


def test_leases_that_have_run_out_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "MAX_LEASES", 1)
    clock = FakeClock()
    table = Leases(clock)
    table.grant(_lease("a"))
    clock.advance(10)
    assert table.held("a") is None
    table.grant(_lease("b"))
    assert table.held("b") == _lease("b")


def test_correcting_the_wall_clock_ends_no_lease() -> None:
    """Catalogue 92."""
    clock = FakeClock()
    table = Leases(clock)
    table.grant(_lease("a"))
    clock.set_wall_clock(clock.time() + 3_600)
    assert table.held("a") == _lease("a")
