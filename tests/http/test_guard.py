"""Who may use the API, and how those who may not are slowed down."""

from __future__ import annotations

import pytest

from tidewire.api.errors import ApiError
from tidewire.http.guard import FAILURES_PER_IP, Guard
from tidewire.security.api_keys import ApiKeys, line_of
from tidewire.testing.clock import FakeClock

KEY = "twk_right"
Headers = list[tuple[bytes, bytes]]


def _guard(clock: FakeClock | None = None) -> Guard:
    return Guard(ApiKeys([line_of("shop", KEY)]), (clock or FakeClock()).monotonic)


@pytest.mark.parametrize(
    "headers",
    [
        [(b"authorization", b"Bearer twk_right")],
        [(b"authorization", b"bearer  twk_right ")],
        [(b"x-api-key", b"twk_right")],
        [(b"x-api-key", b"twk_wrong"), (b"authorization", b"Bearer twk_right")],
    ],
)
def test_a_right_key_is_found_wherever_it_may_be(headers: Headers) -> None:
    assert _guard().check(headers, "192.0.2.1") == "shop"


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(b"authorization", b"Basic twk_right")],
        [(b"cookie", b"twk_right")],
        [(b"x-api-key", b"")],
    ],
)
def test_nothing_else_is_a_key(headers: Headers) -> None:
    with pytest.raises(ApiError) as caught:
        _guard().check(headers, "192.0.2.1")
    assert caught.value.code == "unauthorized"


def test_failures_have_a_rate_for_each_address() -> None:
    clock = FakeClock()
    guard = _guard(clock)
    codes = [_failure(guard, "192.0.2.1") for _ in range(FAILURES_PER_IP.burst + 1)]
    assert codes == ["unauthorized"] * FAILURES_PER_IP.burst + ["rate_limited"]
    assert _failure(guard, "192.0.2.2") == "unauthorized"
    clock.advance(1 / FAILURES_PER_IP.per_second)
    assert _failure(guard, "192.0.2.1") == "unauthorized"


def test_a_wrong_key_is_in_no_log(caplog: pytest.LogCaptureFixture) -> None:
    _failure(_guard(), "192.0.2.1")
    assert "wrong API key" in caplog.text
    assert "twk_wrong" not in caplog.text


def _failure(guard: Guard, ip: str) -> str:
    with pytest.raises(ApiError) as caught:
        guard.check([(b"x-api-key", b"twk_wrong")], ip)
    return caught.value.code
