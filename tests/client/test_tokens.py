"""When the next token is asked for, and who may go on without one."""

from __future__ import annotations

from tests.support.asynchronous import run
from tidewire.client.closing import after_close, after_refusal
from tidewire.client.credentials import Credentials
from tidewire.client.tokens import until_refresh_s, until_retry_s
from tidewire.websocket.close_codes import ComeBack

EXPIRED = after_close(4001, "")


async def _next() -> str:
    return "next"


def test_a_token_is_replaced_a_minute_before_it_runs_out() -> None:
    assert until_refresh_s(4_600.0, 1_000.0) == 3_540.0


def test_a_short_lived_token_is_replaced_after_half_its_life() -> None:
    assert until_refresh_s(1_030.0, 1_000.0) == 15.0


def test_a_token_that_has_run_out_is_replaced_now() -> None:
    assert until_refresh_s(900.0, 1_000.0) == 0.0


def test_who_cannot_renew_backs_off() -> None:
    assert [until_retry_s(failures, 1.0) for failures in (0, 1, 9)] == [1.5, 5.0, 26.0]


def test_without_a_way_to_a_new_token_an_expired_one_is_the_end() -> None:
    assert Credentials("old", None).judge(EXPIRED).come_back is ComeBack.NEVER


def test_an_expired_token_is_replaced_before_the_next_try() -> None:
    credentials = Credentials("old", _next)
    assert credentials.judge(EXPIRED).come_back is ComeBack.WITH_NEW_TOKEN
    assert run(credentials.current()) == "next"


def test_a_new_token_that_is_refused_at_once_is_the_end() -> None:
    credentials = Credentials(None, _next)
    run(credentials.current())
    assert credentials.judge(after_refusal(401, "", None)).come_back is ComeBack.NEVER


def test_a_new_token_that_was_let_in_once_is_replaced_when_it_expires() -> None:
    credentials = Credentials(None, _next)
    run(credentials.current())
    credentials.accepted()
    assert credentials.judge(EXPIRED).come_back is ComeBack.WITH_NEW_TOKEN


def test_a_grant_goes_with_the_token_it_stood_for() -> None:
    credentials = Credentials("old", _next)
    credentials.grant = "granted"
    credentials.judge(EXPIRED)
    assert credentials.grant is None
