"""What a close code or a refusal means for coming back."""

from __future__ import annotations

import pytest

from tidewire.client.closing import after_close, after_refusal
from tidewire.websocket.close_codes import TABLE, ComeBack


@pytest.mark.parametrize("number", sorted(TABLE))
def test_the_protocols_table_decides_what_a_close_means(number: int) -> None:
    assert after_close(number, "").come_back is TABLE[number].come_back


@pytest.mark.parametrize("code", [None, 1005, 1006, 1015, 3000, 4999])
def test_no_close_frame_and_unknown_codes_are_worth_another_try(code: int | None) -> None:
    assert after_close(code, "").come_back is ComeBack.WITHIN_WINDOW


@pytest.mark.parametrize(
    ("status", "come_back"),
    [
        (400, ComeBack.NEVER),
        (401, ComeBack.WITH_NEW_TOKEN),
        (403, ComeBack.WITH_NEW_TOKEN),
        (404, ComeBack.NEVER),
        (408, ComeBack.WITHIN_WINDOW),
        (426, ComeBack.NEVER),
        (429, ComeBack.WITHIN_WINDOW),
        (431, ComeBack.NEVER),
        (500, ComeBack.WITHIN_WINDOW),
        (503, ComeBack.WITHIN_WINDOW),
    ],
)
def test_a_refusals_status_decides(status: int, come_back: ComeBack) -> None:
    assert after_refusal(status, "", None).come_back is come_back
