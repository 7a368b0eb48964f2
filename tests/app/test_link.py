"""The running server, reached from any thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, cast

import pytest

from tests.support.asynchronous import run
from tidewire.app import link as links
from tidewire.app.link import Link, Pending
from tidewire.errors import EngineUnavailable, TidewireError
from tidewire.node.core import Node

NO_NODE = cast(Node, None)


def _with_link(scenario: Callable[[Link], Any]) -> Any:
    """Run ``scenario`` in a thread beside a link's loop; what it answers."""

    async def both() -> Any:
        return await asyncio.to_thread(scenario, Link(NO_NODE, asyncio.get_running_loop()))

    return run(both())


def test_what_a_thread_asks_for_is_done_in_the_loop_in_its_order() -> None:
    done: list[tuple[int, bool]] = []

    def ask(link: Link) -> None:
        main = threading.main_thread()
        finished = threading.Event()
        for number in range(100):
            link.soon(lambda n=number: done.append((n, threading.current_thread() is main)))  # type: ignore[misc]
        link.soon(finished.set)
        assert finished.wait(60)

    _with_link(ask)
    assert done == [(number, True) for number in range(100)]


def test_what_fails_is_logged_and_what_follows_is_done(caplog: pytest.LogCaptureFixture) -> None:
    def ask(link: Link) -> None:
        finished = threading.Event()
        link.soon(lambda: 1 / 0)  # type: ignore[arg-type]
        link.soon(finished.set)
        assert finished.wait(60)

    _with_link(ask)
    assert "another thread failed" in caplog.text


def test_in_the_loop_itself_it_is_done_at_once() -> None:
    async def scenario() -> list[int]:
        done: list[int] = []
        Link(NO_NODE, asyncio.get_running_loop()).soon(lambda: done.append(1))
        return done

    assert run(scenario()) == [1]


def test_a_thread_that_asks_for_too_much_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links, "MAX_POSTED", 0)

    def ask(link: Link) -> None:
        with pytest.raises(EngineUnavailable):
            link.soon(lambda: None)

    _with_link(ask)


def test_what_was_asked_for_before_the_stop_is_done_and_nothing_after_it() -> None:
    async def scenario() -> list[int]:
        done: list[int] = []
        link = Link(NO_NODE, asyncio.get_running_loop())
        await asyncio.to_thread(link.soon, lambda: done.append(1))
        link.close()
        with pytest.raises(TidewireError, match="has stopped"):
            link.soon(lambda: done.append(2))
        return done

    assert run(scenario()) == [1]


def test_a_thread_that_outlives_the_server_is_told() -> None:
    loop = asyncio.new_event_loop()
    loop.close()
    with pytest.raises(TidewireError, match="has stopped"):
        Link(NO_NODE, loop).soon(lambda: None)


def test_a_coroutine_is_waited_for_in_a_thread_and_awaited_in_another_loop() -> None:
    async def answer() -> int:
        return 42

    def ask(link: Link) -> list[int]:
        async def elsewhere() -> int:
            return await link.come(answer())

        return [link.ask(answer()).wait(60), asyncio.run(elsewhere())]

    assert _with_link(ask) == [42, 42]


def test_waiting_in_an_event_loop_is_refused_since_it_would_stop_it() -> None:
    async def scenario() -> None:
        with pytest.raises(TidewireError, match="await it"):
            Pending[int](Future()).wait()

    run(scenario())
