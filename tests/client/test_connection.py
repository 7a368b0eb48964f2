"""Servers that break one promise each, and a client that heals what can be healed, or says so."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from tests.support.asynchronous import run
from tests.support.inprocess import settings_for
from tests.support.saboteurs import HUB, DroppingHub, RepeatingHub, SwappingHub, Tally
from tidewire.client import Entry, Gap, connect
from tidewire.config import Channel
from tidewire.testing.server import serve

COUNT = 200


async def _read(*channels: Channel) -> list[Any]:
    """Publish so many at once, and read until the last: entries' data, and gaps."""
    async with (
        serve(None, settings_for(*channels)) as server,
        connect(server.websocket_url, token=server.token("ann")) as client,
    ):
        events = client.channel("room:1").events()
        reading = asyncio.create_task(_until_last(events))
        while not (await client.presence("room:1")).user_count:
            pass  # each look is a round trip
        await asyncio.gather(*(client.publish("room:1", number) for number in range(COUNT)))
        return await reading


async def _until_last(events: Any) -> list[Any]:
    seen = []
    async for event in events:
        if isinstance(event, Entry | Gap):
            seen.append(event.data if isinstance(event, Entry) else "gap")
        if seen[-1:] == [COUNT - 1]:
            break
    await events.aclose()
    return seen


@pytest.mark.parametrize("hub", [DroppingHub, SwappingHub, RepeatingHub])
def test_what_is_lost_swapped_or_repeated_on_the_way_is_put_right(
    hub: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    tally = Tally()
    monkeypatch.setattr(HUB, partial(hub, tally))
    assert run(_read()) == list(range(COUNT))
    assert tally.faults > 0


def test_what_is_lost_and_not_kept_either_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    tally = Tally()
    monkeypatch.setattr(HUB, partial(DroppingHub, tally))
    seen = run(_read(Channel(pattern="room:{name}", may_read_history="nobody")))
    assert seen.count("gap") == tally.faults > 0
    assert [each for each in seen if each != "gap"] == [
        each for each in range(COUNT) if each % 100 != 49
    ]
