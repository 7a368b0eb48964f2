"""Hooks that answer nobody: in order where they are about one, at once otherwise."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tests.support.asynchronous import run
from tidewire.app import notices as module
from tidewire.app.notices import Notices


def _noting(seen: list[str], name: str, gate: asyncio.Event) -> Callable[[], Awaitable[None]]:
    async def notice() -> None:
        seen.append(f"{name} begins")
        await gate.wait()
        seen.append(f"{name} ends")

    return notice


def test_what_is_about_one_client_is_told_in_order_and_what_is_about_others_meanwhile() -> None:
    async def scenario() -> list[str]:
        notices, gate, seen = Notices(), asyncio.Event(), list[str]()
        notices.post("ann", _noting(seen, "first", gate))
        notices.post("ann", _noting(seen, "second", gate))
        notices.post("ben", _noting(seen, "other", gate))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        gate.set()
        await notices.finish(60)
        return seen

    seen = run(scenario())
    assert seen[:2] == ["first begins", "other begins"]
    assert seen.index("second begins") > seen.index("first ends")
    assert len(seen) == 6


def test_only_so_many_run_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_AT_ONCE", 2)

    async def scenario() -> int:
        notices, gate, seen = Notices(), asyncio.Event(), list[str]()
        for name in "abcd":
            notices.post(name, _noting(seen, name, gate))
        for _ in range(5):
            await asyncio.sleep(0)
        begun = len(seen)
        gate.set()
        await notices.finish(60)
        return begun

    assert run(scenario()) == 2


def test_more_than_can_wait_is_left_out_and_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "MAX_WAITING", 1)

    async def scenario() -> list[str]:
        notices, gate, seen = Notices(), asyncio.Event(), list[str]()
        gate.set()
        notices.post("ann", _noting(seen, "first", gate))
        notices.post("ann", _noting(seen, "second", gate))
        await notices.finish(60)
        return seen

    assert run(scenario()) == ["first begins", "first ends"]
    assert "too slow" in caplog.text


def test_at_the_end_what_takes_too_long_is_cancelled() -> None:
    async def scenario() -> list[str]:
        notices, seen = Notices(), list[str]()
        notices.post("ann", _noting(seen, "endless", asyncio.Event()))
        await notices.finish(0.01)
        return seen

    assert run(scenario()) == ["endless begins"]
