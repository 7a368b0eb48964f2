"""What the recorder writes down, against a real server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import pytest
from msgspec.structs import replace

from tests.support.asynchronous import run
from tests.support.inprocess import ROOMS, settings_for
from tidewire.config import Auth, Channel, Settings
from tidewire.errors import HandshakeRefused
from tidewire.testing.client import connect
from tidewire.testing.history import (
    Acknowledged,
    Asked,
    Failed,
    Invoked,
    Message,
    Operation,
    Received,
    Subscribed,
    Unknown,
)
from tidewire.testing.recorder import Recorder
from tidewire.testing.server import Server, serve

ROOM = "room:1"
SETTINGS = settings_for(
    Channel(pattern="vault", may_subscribe="authenticated"),
    Channel(pattern="notices", may_publish="nobody"),
    *ROOMS,
)

Scene = Callable[[Server, Recorder], Awaitable[None]]


def _record(scene: Scene, settings: Settings = SETTINGS) -> list[Operation]:
    """The history of ``scene``, which breaks no promise."""

    async def whole() -> Recorder:
        async with serve(settings=settings) as server:
            recorder = server.recorder()
            await scene(server, recorder)
        return recorder

    recorder = run(whole())
    assert recorder.violations() == []
    return recorder.history


def _kinds(history: list[Operation], *wanted: type[Operation]) -> list[Operation]:
    return [each for each in history if isinstance(each, wanted)]


def test_a_publication_is_written_down_from_its_sending_to_its_arrival() -> None:
    async def scene(server: Server, recorder: Recorder) -> None:
        async with recorder.subscriber("ann", ROOM) as ann, recorder.publisher("p1") as p1:
            await p1.publish(ROOM)
            await ann.reached(ROOM, p1.position)

    asked, subscribed, invoked, *rest = _record(scene)
    assert (type(asked), type(subscribed)) == (Asked, Subscribed)
    assert invoked == Invoked(ROOM, Message("p1", 1))
    (said,), (seen,) = _kinds(rest, Acknowledged), _kinds(rest, Received)
    assert isinstance(said, Acknowledged)
    assert isinstance(seen, Received)
    assert (seen.how, seen.message) == ("live", Message("p1", 1))
    assert (seen.epoch, seen.seq, seen.tag) == (
        said.position.epoch, said.position.seq, said.position.tag,
    )  # fmt: skip


def test_who_follows_the_lobby_recovers_in_it_what_was_said_while_it_was_away() -> None:
    async def scene(server: Server, recorder: Recorder) -> None:
        ann, p1 = recorder.subscriber("ann", "lobby"), recorder.publisher("p1")
        async with p1:
            async with ann:
                await p1.publish("lobby", 2)
                await ann.reached("lobby", p1.position)
            await p1.publish("lobby", 3)
            async with ann:
                await p1.publish("lobby", 1)
                await ann.reached("lobby", p1.position)

    history = _record(scene)
    seen = [(each.how, each.seq) for each in history if isinstance(each, Received)]
    assert sorted(seen, key=lambda each: each[1]) == [
        ("live", 1), ("live", 2), ("recovered", 3), ("recovered", 4), ("recovered", 5), ("live", 6),
    ]  # fmt: skip


def test_a_channel_that_is_closed_to_one_is_noted_and_waited_for_no_longer() -> None:
    async def scene(server: Server, recorder: Recorder) -> None:
        recorder.bar("eve", "vault")
        async with recorder.subscriber("eve", "vault", ROOM) as eve:
            assert eve.refused == {"vault"}
            assert set(eve.positions) == {ROOM}

    _record(scene)


def test_a_publication_that_was_refused_is_written_down_as_failed() -> None:
    async def scene(server: Server, recorder: Recorder) -> None:
        async with recorder.publisher("p1") as p1:
            await p1.publish("notices", 2)

    assert _kinds(_record(scene), Failed) == [
        Failed("notices", Message("p1", 1)), Failed("notices", Message("p1", 2)),
    ]  # fmt: skip


@pytest.mark.parametrize("insists", [False, True])
def test_an_answer_that_was_lost_is_unknown_unless_one_insists(insists: bool) -> None:
    async def scene(server: Server, recorder: Recorder) -> None:
        proxy = await server.proxy()
        url = f"ws://127.0.0.1:{proxy.port}/ws"
        behind = partial(connect, url, token=server.token("ann"))  # who publishes once is somebody
        bob, p1 = recorder.subscriber("bob", ROOM), recorder.publisher("p1", behind)
        async with bob, p1:
            proxy.black_hole("down")
            publishing = asyncio.create_task(p1.publish(ROOM, insist=insists))
            await bob.until(lambda: bob.positions[ROOM].seq == 1)
            proxy.cut()
            proxy.pass_through()
            await publishing

    history = _record(scene)
    assert len(_kinds(history, Unknown)) == (0 if insists else 1)
    assert len(_kinds(history, Acknowledged)) == (1 if insists else 0)
    assert len(_kinds(history, Received)) == 1


def test_whoever_is_not_let_in_is_not_tried_again_for_ever() -> None:
    async def scene(server: Server, recorder: Recorder) -> None:
        with pytest.raises(HandshakeRefused):
            async with recorder.subscriber("ann", ROOM):
                raise AssertionError("let in")

    _record(scene, replace(SETTINGS, auth=Auth()))


def test_what_another_run_left_in_a_channel_is_nobodys_of_this_one() -> None:
    async def scene(server: Server, recorder: Recorder) -> None:
        async with server.recorder().publisher("p1") as stranger:
            await stranger.publish(ROOM, 2)
        async with recorder.publisher("p1") as p1:
            await p1.publish(ROOM, 1)
        await recorder.audit(ROOM)

    seen = [each.message for each in _record(scene) if isinstance(each, Received)]
    assert seen == [None, None, Message("p1", 1)]
