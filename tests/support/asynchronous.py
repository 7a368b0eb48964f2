"""Run a coroutine in a test, and wait for a condition, without a limit a busy machine misses."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

OVERALL_TIMEOUT_S = 120.0
"""A test that takes this long hangs: it is cancelled and says so, instead of holding up the run."""

POLL_S = 0.01
"""Between two looks at a condition: short beside a test, long beside the look."""


def run(coroutine: Coroutine[Any, Any, T], *, timeout_s: float = OVERALL_TIMEOUT_S) -> T:
    """Run ``coroutine`` on a fresh loop; cancel it and fail when it hangs."""
    return asyncio.run(_within(coroutine, timeout_s))


async def _within(coroutine: Coroutine[Any, Any, T], timeout_s: float) -> T:
    try:
        async with asyncio.timeout(timeout_s):
            return await coroutine
    except TimeoutError as error:
        raise AssertionError(f"still not finished, or timed out itself: {error!r}") from error


async def eventually(
    predicate: Callable[[], object], what: str = "", *, timeout_s: float = OVERALL_TIMEOUT_S / 2
) -> None:
    """Return as soon as ``predicate()`` is true; fail when it never becomes so."""
    deadline = time.monotonic() + timeout_s
    while not predicate():
        assert time.monotonic() < deadline, f"never came true: {what or predicate}"
        await asyncio.sleep(POLL_S)


def wait_until(
    predicate: Callable[[], object], what: str = "", *, timeout_s: float = OVERALL_TIMEOUT_S / 2
) -> None:
    """``eventually`` for a test without a loop."""
    deadline = time.monotonic() + timeout_s
    while not predicate():
        assert time.monotonic() < deadline, f"never came true: {what or predicate}"
        time.sleep(POLL_S)
