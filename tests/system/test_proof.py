"""The promises under faults, on a real server process: judged by the history checker.

Every fault is seen to have happened before the history is judged.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Literal

import pytest

from tests.support.asynchronous import eventually, run
from tests.support.processes import ServerProcess
from tests.support.proving import CONFIG, ON_DISK
from tests.support.tokens import claims, hmac_token
from tidewire.testing.client import connect
from tidewire.testing.history import Skipped, Subscribed, Unknown
from tidewire.testing.proxy import FaultProxy
from tidewire.testing.publisher import Publisher
from tidewire.testing.recorder import Recorder
from tidewire.testing.subscriber import Subscriber

CHANNEL = "room:1"


class Trial:
    """A server, a faulty network before some of its clients, and those clients.

    Who is behind the network speaks MessagePack, the others JSON: they see one log.
    """

    def __init__(self, server: ServerProcess, proxy: FaultProxy) -> None:
        self.server = server
        self.proxy = proxy
        token = hmac_token(claims())  # a key to publish once is a user's, so everybody is somebody
        here = partial(connect, f"ws://127.0.0.1:{server.port}/ws", token=token)
        far = f"ws://127.0.0.1:{proxy.port}/ws"
        behind = partial(connect, far, token=token, dialect="msgpack")
        self.recorder = Recorder(here)
        self.ann = self.recorder.subscriber("ann", CHANNEL, connect=behind)
        self.bob = self.recorder.subscriber("bob", CHANNEL)
        self.near = self.recorder.publisher("near")
        self.far = self.recorder.publisher("far", connect=behind)

    async def all_see(self, publisher: Publisher) -> None:
        for subscriber in (self.ann, self.bob):
            await subscriber.reached(CHANNEL, publisher.position)


def try_(fault: Callable[[Trial], Awaitable[None]], config: str = CONFIG) -> Recorder:
    """Publish, let ``fault`` happen, publish again until everybody has seen it; the history."""

    async def whole(server: ServerProcess) -> Recorder:
        async with FaultProxy(server.port) as proxy:
            trial = Trial(server, proxy)
            async with trial.ann, trial.bob, trial.near, trial.far:
                await trial.near.publish(CHANNEL, 20)
                await trial.all_see(trial.near)
                await fault(trial)
                proxy.pass_through()
                await trial.near.publish(CHANNEL, 20)
                await trial.all_see(trial.near)
                await trial.recorder.audit(CHANNEL)
        return trial.recorder

    with ServerProcess(config) as server:
        return run(whole(server))


def _judge(recorder: Recorder) -> None:
    assert [str(each) for each in recorder.violations()] == []


def _told(recorder: Recorder, recovery: str) -> list[str]:
    """Who was answered that."""
    told = [each for each in recorder.history if isinstance(each, Subscribed)]
    return sorted(each.subscriber for each in told if each.recovery == recovery)


def test_a_connection_cut_in_mid_stream_is_recovered_from_without_a_hole() -> None:
    async def fault(trial: Trial) -> None:
        for _ in range(5):
            trial.proxy.cut()
            await trial.near.publish(CHANNEL, 50)
            await trial.far.publish(CHANNEL, 10, insist=True)
        await trial.all_see(trial.far)
        assert trial.proxy.connections_cut >= 5
        assert trial.ann.connections >= 2

    _judge(try_(fault))


def test_what_a_black_hole_swallowed_is_recovered_after_it() -> None:
    async def fault(trial: Trial) -> None:
        trial.proxy.black_hole("down")
        await trial.near.publish(CHANNEL, 100)
        await eventually(lambda: trial.proxy.down.swallowed_bytes > 5_000, "entries are swallowed")
        trial.proxy.cut()
        trial.proxy.pass_through()
        await trial.ann.reached(CHANNEL, trial.near.position)
        assert trial.ann.connections == 2

    _judge(try_(fault))


def test_a_publisher_whose_answers_are_lost_publishes_once_when_it_insists() -> None:
    """Catalogue 79."""

    async def fault(trial: Trial) -> None:
        trial.proxy.black_hole("down")
        publishing = asyncio.create_task(trial.far.publish(CHANNEL, 30, insist=True))
        await trial.bob.until(lambda: trial.bob.positions[CHANNEL].seq >= 50)
        await eventually(lambda: trial.proxy.down.swallowed_bytes > 2_000, "answers are swallowed")
        trial.proxy.cut()
        trial.proxy.pass_through()
        await publishing
        await trial.all_see(trial.far)

    _judge(try_(fault))


@pytest.mark.parametrize("direction", ["up", "down"])
def test_half_a_close_ends_a_connection_that_is_recovered_from(
    direction: Literal["up", "down"],
) -> None:
    async def fault(trial: Trial) -> None:
        trial.proxy.half_close(direction)
        await trial.near.publish(CHANNEL, 100)
        await trial.ann.until(lambda: trial.ann.connections == 2)
        await trial.all_see(trial.near)

    _judge(try_(fault))


@pytest.mark.parametrize("policy", ["disconnect", "drop_oldest", "conflate"])
def test_a_reader_too_slow_for_its_channel_is_told_whatever_it_is_left_out_of(policy: str) -> None:
    """Catalogue 67."""

    async def fault(trial: Trial) -> None:
        trial.proxy.throttle(50_000, "down")
        trial.near.padding_bytes = 900
        await trial.near.publish(CHANNEL, 5_000)
        assert trial.proxy.down.throttled_bytes > 0

    recorder = try_(
        fault, CONFIG.replace("history_size", f'slow_reader = "{policy}"\nhistory_size')
    )
    _judge(recorder)
    skipped = {each.subscriber for each in recorder.history if isinstance(each, Skipped)}
    assert skipped == (set() if policy == "disconnect" else {"ann"})
    assert ("ann" in _told(recorder, "complete")) is (policy == "disconnect")


def _has_come_back(subscriber: Subscriber) -> bool:
    return subscriber.connections >= 2 and subscriber.is_settled


async def _kill_while_publishing(trial: Trial) -> None:
    publishing = asyncio.create_task(trial.far.publish(CHANNEL, 3_000))
    await trial.bob.until(lambda: trial.bob.positions[CHANNEL].seq >= 200)
    await asyncio.to_thread(trial.server.kill)
    await asyncio.to_thread(trial.server.start)
    await publishing
    for each in (trial.ann, trial.bob):
        await each.until(partial(_has_come_back, each))


def test_a_server_that_is_killed_starts_anew_and_everybody_is_told() -> None:
    """Catalogue 90."""
    recorder = try_(_kill_while_publishing)
    _judge(recorder)
    assert any(isinstance(each, Unknown) for each in recorder.history)
    assert _told(recorder, "gap") == ["ann", "bob"]


def test_with_history_on_disk_a_killed_server_loses_nothing_that_it_acknowledged() -> None:
    """Catalogue 90."""
    recorder = try_(_kill_while_publishing, CONFIG + ON_DISK)
    _judge(recorder)
    assert any(isinstance(each, Unknown) for each in recorder.history)
    assert _told(recorder, "complete") == ["ann", "auditor", "bob"]
