"""One table of close codes, and what each tells a client to do."""

from __future__ import annotations

import pytest

from tidewire.websocket import close_codes
from tidewire.websocket.close_codes import TABLE, CloseCode, ComeBack, advice, is_sendable
from tidewire.websocket.frames import MAX_REASON_BYTES


def test_every_code_of_the_module_is_in_the_table() -> None:
    named = {code for code in vars(close_codes).values() if isinstance(code, CloseCode)}
    assert named == set(TABLE.values())


@pytest.mark.parametrize("code", TABLE.values(), ids=lambda code: str(code.number))
def test_every_code_can_be_sent_with_a_reason(code: CloseCode) -> None:
    assert is_sendable(code.number)
    assert 0 < len(code.reason.encode()) <= MAX_REASON_BYTES


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (1012, ComeBack.WITHIN_WINDOW),
        (4001, ComeBack.WITH_NEW_TOKEN),
        (4003, ComeBack.NEVER),
        (4008, ComeBack.NOW),
        (4009, ComeBack.NOW),
        (4029, ComeBack.WITHIN_WINDOW),
    ],
)
def test_a_client_is_told_when_to_come_back(number: int, expected: ComeBack) -> None:
    assert advice(number) is expected


@pytest.mark.parametrize("number", [None, 1006, 3000, 4999])
def test_a_close_nobody_explained_is_worth_another_try(number: int | None) -> None:
    assert advice(number) is ComeBack.WITHIN_WINDOW


@pytest.mark.parametrize("number", [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535])
def test_codes_that_never_travel_are_told_apart(number: int) -> None:
    """Catalogue 45."""
    assert not is_sendable(number)


@pytest.mark.parametrize("number", [1000, 1003, 1007, 1014, 3000, 4999])
def test_codes_that_may_travel_are_told_apart(number: int) -> None:
    assert is_sendable(number)
