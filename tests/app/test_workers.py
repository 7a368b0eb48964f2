"""How handlers are run: in the loop or in threads, for so long, so many at a time."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.support.asynchronous import run, wait_until
from tidewire.app.handlers import Handler, Handling, Wanted, make_handler
from tidewire.app.refused import Refused
from tidewire.app.workers import Workers, WorkLimits
from tidewire.errors import CommandRefused
from tidewire.testing.clock import FakeClock

WHO: contextvars.ContextVar[str] = contextvars.ContextVar("who")


def _handler(function: Callable[..., Any], **handling: Any) -> Handler:
    return make_handler(function, Wanted("@app.on(Move)"), Handling(**handling))


def _workers(clock: FakeClock | None = None, **limits: Any) -> Workers:
    return Workers(WorkLimits(**limits), (clock or FakeClock()).monotonic)


def _refusal(function: Callable[..., Any], **handling: Any) -> CommandRefused:
    with pytest.raises(CommandRefused) as refusal:
        run(_workers().run(_handler(function, **handling)))
    return refusal.value


def test_a_def_handler_runs_in_a_thread_with_the_context_of_its_caller() -> None:
    async def scenario() -> tuple[str, bool]:
        WHO.set("ann")
        here = threading.current_thread()
        look = _handler(lambda: (WHO.get(), threading.current_thread() is here))
        answer: tuple[str, bool] = await _workers().run(look)
        return answer

    assert run(scenario()) == ("ann", False)


def test_what_surrounds_threads_is_entered_and_left_in_the_thread_even_when_the_handler_fails() -> (
    None
):
    seen: list[tuple[str, int]] = []

    @contextmanager
    def around() -> Iterator[None]:
        seen.append(("entered", threading.get_ident()))
        try:
            yield
        finally:
            seen.append(("left", threading.get_ident()))

    def handler() -> None:
        seen.append(("ran", threading.get_ident()))
        raise ValueError

    workers = _workers()
    workers.around = around
    with pytest.raises(CommandRefused):
        run(workers.run(_handler(handler)))
    assert [word for word, _ in seen] == ["entered", "ran", "left"]
    assert len({thread for _, thread in seen} - {threading.get_ident()}) == 1


def test_an_inline_handler_runs_in_the_loop_and_one_that_holds_everybody_up_is_named(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = FakeClock()
    workers = _workers(clock)
    run(workers.run(_handler(lambda: clock.advance(0.010), inline=True)))
    assert not caplog.records
    run(workers.run(_handler(lambda: clock.advance(0.011), inline=True)))
    (record,) = caplog.records
    assert "test_an_inline_handler" in record.__dict__["handler"]


@pytest.mark.parametrize("inline", [False, True])
def test_an_exception_is_logged_with_its_cause_and_the_client_learns_nothing_of_it(
    caplog: pytest.LogCaptureFixture, inline: bool
) -> None:
    def fail() -> None:
        raise KeyError("secret")

    refusal = _refusal(fail, inline=inline)
    assert (refusal.code, str(refusal)) == ("internal", "internal error")
    (record,) = caplog.records
    assert record.exc_info is not None
    assert "fail" in record.__dict__["handler"]


def test_what_a_handler_refuses_is_told_to_the_client_and_is_no_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def refuse() -> None:
        raise Refused("not your turn", retry_after_s=2)

    refusal = _refusal(refuse)
    assert (refusal.code, str(refusal), refusal.retry_after_s) == ("forbidden", "not your turn", 2)
    assert not caplog.records


def test_a_coroutine_that_outlasts_its_limit_is_cancelled_and_the_client_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    seen: list[str] = []

    async def wait_for_ever() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    refusal = _refusal(wait_for_ever, time_limit_s=0.01)
    assert refusal.code == "unknown_outcome"
    assert seen == ["cancelled"]
    assert "outlasted" in caplog.text


def test_a_time_limit_of_the_handlers_own_is_its_own_mistake() -> None:
    async def impatient() -> None:
        raise TimeoutError

    assert _refusal(impatient).code == "internal"


def test_a_thread_that_outlasts_its_limit_keeps_its_slot_until_it_has_ended() -> None:
    """The client is answered; the thread cannot be stopped, and is not given to another."""
    finish = threading.Event()

    async def scenario() -> list[str]:
        workers = _workers(threads=1, waiting=0)
        codes = [await _code(workers, _handler(finish.wait, time_limit_s=0.01))]
        codes.append(await _code(workers, _handler(lambda: None)))
        finish.set()
        while (code := await _code(workers, _handler(lambda: None))) == "unavailable":
            pass
        return [*codes, code]

    assert run(scenario()) == ["unknown_outcome", "unavailable", "done"]


def test_what_waited_for_a_thread_in_vain_never_began_and_may_be_asked_again() -> None:
    finish, begun = threading.Event(), []

    async def scenario() -> str:
        workers = _workers(threads=1, waiting=1)
        first = asyncio.create_task(_code(workers, _handler(finish.wait)))
        await asyncio.sleep(0)
        code = await _code(workers, _handler(lambda: begun.append(1), time_limit_s=0.01))
        finish.set()
        await first
        workers.stop()
        return code

    assert run(scenario()) == "unavailable"
    assert begun == []


def test_what_fails_in_a_thread_after_its_limit_is_logged_all_the_same(
    caplog: pytest.LogCaptureFixture,
) -> None:
    finish = threading.Event()

    def fail_late() -> None:
        finish.wait()
        raise KeyError("late")

    run(_code(_workers(), _handler(fail_late, time_limit_s=0.01)))
    finish.set()
    wait_until(lambda: "after its time limit" in caplog.text)


def test_a_stopped_pool_takes_nothing_more() -> None:
    async def scenario() -> list[str]:
        workers = _workers(threads=1)
        codes = [await _code(workers, _handler(lambda: None))]
        workers.stop()
        return [*codes, await _code(workers, _handler(lambda: None))]

    assert run(scenario()) == ["done", "unavailable"]


def test_where_nobody_waits_for_an_answer_a_failure_is_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail() -> None:
        raise KeyError

    def refuse() -> None:
        raise Refused("no")

    async def scenario() -> None:
        await _workers().run_safely(_handler(fail))
        await _workers().run_safely(_handler(refuse))

    run(scenario())
    assert [record.getMessage() for record in caplog.records] == [
        "a handler failed",
        "a handler refused",
    ]


async def _code(workers: Workers, handler: Handler) -> str:
    try:
        await workers.run(handler)
    except CommandRefused as refusal:
        return refusal.code
    return "done"
