"""The Python client on a real server through a network that fails: judged by the history checker.

Every fault is seen to have happened before the history is judged.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from ssl import create_default_context
from typing import Literal

import pytest

from tests.support.asynchronous import eventually, run
from tests.support.certificates import write_certificate
from tests.support.processes import ServerProcess
from tests.support.proving import CONFIG, ON_DISK
from tests.support.tls import TlsProcess
from tests.support.tokens import claims, hmac_token
from tests.support.witness import Author, Witness, judge
from tidewire.client import (
    Client,
    ClientClosed,
    Closed,
    Open,
    Position,
    QueueLimits,
    Waiting,
    connect,
)
from tidewire.testing.experiment import Experiment
from tidewire.testing.history import Acknowledged
from tidewire.testing.proxy import FaultProxy

PUNCTUAL = CONFIG.replace("[auth]", "[auth]\nleeway_s = 0")


def soon() -> float:
    """Of every wait the hundredth part: what is tested is that it comes back, not when."""
    return 0.01


class Trial:
    """A server, a client of it beyond a faulty network, and one near it."""

    def __init__(self, server: ServerProcess, proxy: FaultProxy, far: Client, near: Client) -> None:
        self.server = server
        self.proxy = proxy
        self.client = far
        self.experiment = Experiment("trial")
        self.author = Author("near", near, self.experiment)
        self.far_author = Author("far", far, self.experiment)
        self._near = near

    async def witnesses(self, stack: AsyncExitStack) -> None:
        start = await self._near.publish("room:1", "the beginning")
        self.far = await self._witness(stack, "far", self.client, start)
        self.near = await self._witness(stack, "near", self._near, start)

    async def _witness(
        self, stack: AsyncExitStack, name: str, client: Client, start: Position
    ) -> Witness:
        return await stack.enter_async_context(Witness(name, client, start, self.experiment))

    async def all_see(self, author: Author) -> None:
        await self.far.reached(author.position)
        await self.near.reached(author.position)


def try_(fault: Callable[[Trial], Awaitable[None]], config: str = CONFIG) -> Trial:
    """Publish, let ``fault`` happen, publish again until everybody has seen it; and judge."""

    async def whole(server: ServerProcess) -> Trial:
        token = hmac_token(claims())
        async with AsyncExitStack() as stack:
            proxy = await stack.enter_async_context(FaultProxy(server.port))
            far, near = [
                await stack.enter_async_context(
                    connect(f"ws://127.0.0.1:{port}/ws", token=token, draw=soon)
                )
                for port in (proxy.port, server.port)
            ]
            trial = Trial(server, proxy, far, near)
            await trial.witnesses(stack)
            await trial.author.publish(20)
            await trial.all_see(trial.author)
            await fault(trial)
            proxy.pass_through()
            await trial.author.publish(20)
            await trial.far_author.publish(20)
            await trial.all_see(trial.author)
            await trial.all_see(trial.far_author)
        return trial

    with ServerProcess(config) as server:
        trial = run(whole(server))
    judge(trial.experiment)
    return trial


def _are_acknowledged(author: Author) -> bool:
    return all(isinstance(each, Acknowledged) for each in author.outcomes)


def test_a_connection_cut_again_and_again_loses_repeats_and_hides_nothing() -> None:
    async def fault(trial: Trial) -> None:
        for _ in range(5):
            publishing = asyncio.create_task(trial.far_author.publish(50))
            await asyncio.sleep(0)
            trial.proxy.cut()
            await trial.author.publish(20)
            await publishing
        assert trial.proxy.connections_cut >= 5

    trial = try_(fault)
    assert trial.far.gaps == []
    assert _are_acknowledged(trial.far_author)


def test_what_a_black_hole_swallowed_is_recovered_and_published_once() -> None:
    """Catalogue 79."""

    async def fault(trial: Trial) -> None:
        trial.proxy.black_hole("down")
        publishing = asyncio.create_task(trial.far_author.publish(30))
        await trial.author.publish(100)
        await eventually(lambda: trial.proxy.down.swallowed_bytes > 5_000, "answers are swallowed")
        trial.proxy.cut()
        trial.proxy.pass_through()
        await publishing

    trial = try_(fault)
    assert trial.far.gaps == []
    assert _are_acknowledged(trial.far_author)


@pytest.mark.parametrize("direction", ["up", "down"])
def test_half_a_close_ends_a_connection_that_is_recovered_from(
    direction: Literal["up", "down"],
) -> None:
    async def fault(trial: Trial) -> None:
        trial.proxy.half_close(direction)
        await trial.author.publish(100)
        await trial.far.reached(trial.author.position)
        assert trial.proxy.accepted == 2

    assert try_(fault).far.gaps == []


async def _kill_while_publishing(trial: Trial) -> None:
    publishing = asyncio.create_task(trial.far_author.publish(900))
    await trial.near.saw(100)
    await asyncio.to_thread(trial.server.kill)
    await asyncio.to_thread(trial.server.start)
    await publishing


def test_a_server_that_is_killed_starts_anew_and_the_application_is_told() -> None:
    """Catalogue 90."""
    trial = try_(_kill_while_publishing)
    assert len(trial.far.gaps) == len(trial.near.gaps) == 1


def test_with_history_on_disk_a_killed_server_is_not_even_noticed() -> None:
    """Catalogue 90."""
    trial = try_(_kill_while_publishing, CONFIG + ON_DISK)
    assert trial.far.gaps == trial.near.gaps == []
    assert _are_acknowledged(trial.far_author)


def test_a_drained_server_is_come_back_to() -> None:
    """Catalogue 91."""

    async def fault(trial: Trial) -> None:
        trial.server.terminate()
        await asyncio.to_thread(trial.server.wait)
        await asyncio.to_thread(trial.server.start)
        await trial.far_author.publish(10)

    assert len(try_(fault, CONFIG + ON_DISK).far.gaps) == 0


def test_a_token_is_renewed_before_it_runs_out_and_after_it_was_refused() -> None:
    """Short-lived tokens, of which the first has run out already; the connection stays."""
    asked: list[float] = []

    async def next_token() -> str:
        asked.append(time.time())
        return hmac_token(claims(exp=int(time.time()) + 4))

    async def main(server: ServerProcess) -> None:
        expired = hmac_token(claims(exp=int(time.time()) - 3600))
        url = f"ws://127.0.0.1:{server.port}/ws"
        async with connect(url, token=expired, get_token=next_token, draw=soon) as client:
            before = client.state
            await eventually(lambda: len(asked) >= 3, "two refreshes")
            await client.publish("room:1", "still here")
            assert client.state == before
            assert isinstance(before, Open)

    with ServerProcess(PUNCTUAL) as server:
        run(main(server))


def test_without_a_new_token_an_expired_one_ends_the_client_and_says_why() -> None:
    async def main(server: ServerProcess) -> None:
        token = hmac_token(claims(exp=int(time.time()) + 1))
        async with connect(f"ws://127.0.0.1:{server.port}/ws", token=token) as client:
            states = [state async for state in client.states()]
            assert isinstance(states[-1], Closed)
            assert states[-1].code == 4001

    with ServerProcess(PUNCTUAL) as server:
        run(main(server))


def test_what_is_not_sent_in_time_is_truthfully_nowhere() -> None:
    async def main(server: ServerProcess) -> None:
        token, queue = hmac_token(claims()), QueueLimits(age_s=0.2)
        url = f"ws://127.0.0.1:{server.port}/ws"
        async with connect(url, token=token, queue=queue, draw=lambda: 1.0) as client:
            author = Author("away", client, Experiment("away"))
            await asyncio.to_thread(server.kill)
            await eventually(lambda: not isinstance(client.state, Open), "the drop is noticed")
            await author.publish(3)
            assert {type(each).__name__ for each in author.outcomes} == {"Failed"}

    with ServerProcess(CONFIG) as server:
        run(main(server))


def test_over_tls_a_certificate_that_nobody_vouches_for_is_not_believed(tmp_path: Path) -> None:
    async def main(server: ServerProcess, cert: str) -> None:
        url, token = f"wss://127.0.0.1:{server.port}/ws", hmac_token(claims())
        async with connect(url, token=token, tls=create_default_context(cafile=cert)) as client:
            await client.publish("room:1", "believed")
        stranger = connect(url, token=token, draw=soon)
        entering = asyncio.create_task(stranger.__aenter__())
        async for state in stranger.states():
            if isinstance(state, Waiting):
                assert "certificate verify failed" in state.reason
                break
        await stranger.close()
        with pytest.raises(ClientClosed):
            await entering

    tls = write_certificate(tmp_path)
    with TlsProcess(CONFIG, tls=tls) as server:
        run(main(server, str(tls.cert)))
