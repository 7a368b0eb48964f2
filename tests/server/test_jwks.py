"""The issuer's keys are asked for seldom, by one at a time, and never lost."""

from __future__ import annotations

import asyncio

import pytest

from tests.security.signing import jwk
from tests.support.asynchronous import run
from tidewire.errors import ConfigError, StartFailed
from tidewire.security.keys import KeySet
from tidewire.server.jwks import LEAST_PAUSE_S, RemoteKeys
from tidewire.testing.clock import FakeClock

KEYS = KeySet.from_jwks({"keys": [jwk("EdDSA", kid="one")]})


class Source:
    """Hands out what a test puts there, when it lets it."""

    def __init__(self) -> None:
        self.asked = 0
        self.answer: KeySet | Exception = KEYS
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.taken: list[KeySet] = []
        self.clock = FakeClock()
        self.remote = RemoteKeys(self.fetch, self.taken.append, self.clock)

    async def fetch(self) -> KeySet:
        self.asked += 1
        await self.may_answer.wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def test_a_start_without_keys_is_no_start() -> None:
    async def scenario() -> None:
        source = Source()
        source.answer = ConfigError("it answers 404")
        with pytest.raises(StartFailed, match=r"auth.jwks_url: it answers 404"):
            await source.remote.start()

    run(scenario())


def test_unknown_key_ids_cannot_make_us_ask_often() -> None:
    """Catalogue 23: anybody can invent one."""

    async def scenario() -> None:
        source = Source()
        await source.remote.start()
        assert not await source.remote.renew_for_unknown_key()
        source.clock.advance(LEAST_PAUSE_S)
        assert await source.remote.renew_for_unknown_key()
        assert not await source.remote.renew_for_unknown_key()
        assert source.asked == 2

    run(scenario())


def test_many_who_ask_at_once_share_one_fetch() -> None:
    async def scenario() -> None:
        source = Source()
        source.may_answer.clear()
        waiting = [asyncio.create_task(source.remote.renew_for_unknown_key()) for _ in range(50)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        await asyncio.sleep(0)
        source.may_answer.set()
        answers = await asyncio.gather(*waiting[1:])
        assert (source.asked, set(answers)) == (1, {True})

    run(scenario())


@pytest.mark.parametrize("error", [ConfigError("no keys there"), RuntimeError("a bug")])
def test_a_fetch_that_fails_leaves_the_keys_as_they_are(error: Exception) -> None:
    async def scenario() -> None:
        source = Source()
        await source.remote.start()
        source.answer = error
        source.clock.advance(LEAST_PAUSE_S)
        assert not await source.remote.renew_for_unknown_key()
        assert source.taken == [KEYS]

    run(scenario())
