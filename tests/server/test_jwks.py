"""The issuer's keys are fetched from one address, seldom, within bounds, and never lost."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator

import pytest

from tests.security.signing import jwk
from tests.support.asynchronous import run
from tests.support.issuer import Issuer, issuing
from tidewire.errors import ConfigError, StartFailed
from tidewire.security.keys import KeySet
from tidewire.server.jwks import LEAST_PAUSE_S, MAX_BYTES, RemoteKeys, fetch_keys
from tidewire.testing.clock import FakeClock

KEYS = KeySet.from_jwks({"keys": [jwk("EdDSA", kid="one")]})


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with issuing(jwk("EdDSA", kid="one")) as found:
        yield found


def _complaint(issuer: Issuer, timeout_s: float = 30.0) -> str:
    with pytest.raises(ConfigError) as caught:
        run(fetch_keys(issuer.url, timeout_s=timeout_s))
    return str(caught.value)


# -- fetching ----------------------------------------------------------------------------------


def test_the_keys_of_the_address_are_read(issuer: Issuer) -> None:
    (key,) = run(fetch_keys(issuer.url, issuer="https://issuer.example"))
    assert (key.kid, key.issuer) == ("one", "https://issuer.example")


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"keys":[]}', b"[" * 100_000])
def test_what_is_no_key_set_is_one_sentence(issuer: Issuer, body: bytes) -> None:
    issuer.body = body
    assert "\n" not in _complaint(issuer)


def test_an_answer_without_end_is_not_read_to_it(issuer: Issuer) -> None:
    issuer.body = b" " * (MAX_BYTES + 1)
    assert "too long for a key set" in _complaint(issuer)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(issuer: Issuer, status: int) -> None:
    """Catalogue 23: the configured address is the only one that is asked."""
    with issuing(jwk("EdDSA", kid="two")) as other:
        issuer.status, issuer.headers = status, {"Location": other.url}
        assert f"answers {status}" in _complaint(issuer)
        assert other.asked == 0


def test_an_error_of_the_issuers_is_one_sentence(issuer: Issuer) -> None:
    issuer.status = 500
    assert "answers 500 instead of a key set" in _complaint(issuer)


def test_an_issuer_that_is_away_is_one_sentence(issuer: Issuer) -> None:
    issuer.url = "http://127.0.0.1:1/keys"
    assert _complaint(issuer) == "cannot read http://127.0.0.1:1/keys: Connection refused"


def test_an_issuer_that_never_answers_is_waited_for_in_bounds(issuer: Issuer) -> None:
    issuer.may_answer.clear()
    assert re.search("did not answer within 0.1 s|timed out", _complaint(issuer, timeout_s=0.1))


def test_a_password_in_the_address_is_not_shown(issuer: Issuer) -> None:
    issuer.status = 500
    issuer.url = issuer.url.replace("http://", "http://user:hidden@") + "?key=hidden"
    assert "hidden" not in _complaint(issuer)


# -- keeping -----------------------------------------------------------------------------------


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
