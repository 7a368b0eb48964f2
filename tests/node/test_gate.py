"""Asking the application: so many at a time, for so long, and the same thing once."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.asynchronous import run
from tidewire.errors import CommandRefused
from tidewire.node.gate import Gate, GateLimits

TWO = GateLimits(at_once=2, timeout_s=60.0)


class Work:
    """Asked for many times, finished by hand."""

    def __init__(self) -> None:
        self.begun = 0
        self.may_end = asyncio.Event()

    async def __call__(self) -> int:
        self.begun += 1
        await self.may_end.wait()
        return self.begun


async def _turns() -> None:
    """As many turns of the loop as anything here needs to come to rest."""
    for _ in range(10):
        await asyncio.sleep(0)


def test_only_so_many_are_asked_at_a_time_and_the_rest_wait_their_turn() -> None:
    async def crowd() -> None:
        gate, work = Gate(TWO), Work()
        tasks = [asyncio.create_task(gate.run(work)) for _ in range(5)]
        await _turns()
        assert (work.begun, gate.running, gate.waiting) == (2, 2, 3)
        work.may_end.set()
        await asyncio.gather(*tasks)
        assert (work.begun, gate.running, gate.waiting) == (5, 0, 0)

    run(crowd())


def test_the_same_question_at_the_same_time_is_asked_once() -> None:
    async def crowd() -> None:
        gate, work = Gate(TWO), Work()
        tasks = [asyncio.create_task(gate.ask("may ann?", work)) for _ in range(50)]
        await _turns()
        work.may_end.set()
        assert await asyncio.gather(*tasks) == [1] * 50
        assert await gate.ask("may ann?", work) == 2

    run(crowd())


def test_who_gives_up_takes_the_answer_from_nobody_else() -> None:
    async def one_gives_up() -> None:
        gate, work = Gate(TWO), Work()
        first, second = (asyncio.create_task(gate.ask("q", work)) for _ in range(2))
        await _turns()
        first.cancel()
        await _turns()
        work.may_end.set()
        assert await second == 1
        assert first.cancelled()

    run(one_gives_up())


def test_who_gives_up_while_waiting_leaves_its_turn_to_the_next() -> None:
    async def one_gives_up() -> None:
        gate, work = Gate(GateLimits(at_once=1, timeout_s=60.0)), Work()
        first, second, third = (asyncio.create_task(gate.run(work)) for _ in range(3))
        await _turns()
        second.cancel()
        work.may_end.set()
        await asyncio.gather(first, third)
        assert (gate.running, gate.waiting) == (0, 0)

    run(one_gives_up())


def test_what_takes_too_long_is_cancelled_and_said_so() -> None:
    async def wait_in_vain() -> CommandRefused:
        gate = Gate(GateLimits(at_once=1, timeout_s=0.0))
        with pytest.raises(CommandRefused) as refusal:
            await gate.run(Work())
        assert (gate.overdue, gate.running) == (1, 0)
        return refusal.value

    refusal = run(wait_in_vain())
    assert (refusal.code, refusal.retry_after_s) == ("unavailable", 1)


def test_a_failure_is_logged_with_its_cause_and_told_without(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def fail() -> None:
        raise RuntimeError("a secret")

    async def ask() -> CommandRefused:
        gate = Gate(TWO)
        with pytest.raises(CommandRefused) as refusal:
            await gate.ask("q", fail)
        assert gate.failed == 1
        return refusal.value

    refusal = run(ask())
    assert (refusal.code, str(refusal)) == ("internal", "internal error")
    assert "a secret" in caplog.text


def test_a_refusal_reaches_its_client_as_it_is() -> None:
    async def refuse() -> None:
        raise CommandRefused("forbidden", "members only")

    with pytest.raises(CommandRefused, match="members only"):
        run(_run(refuse))


async def _run(work: object) -> None:
    await Gate(TWO).run(work)  # type: ignore[arg-type]
