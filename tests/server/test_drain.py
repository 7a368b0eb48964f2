"""How long a crowd is given to come back."""

from __future__ import annotations

import pytest

from tidewire.server.drain import RETURNS_PER_SECOND, SHARE_OF_DEADLINE, window_s


@pytest.mark.parametrize(
    ("clients", "deadline_s", "expected"),
    [
        (0, 30.0, 0.0),
        (RETURNS_PER_SECOND, 30.0, 1.0),
        (10 * RETURNS_PER_SECOND, 30.0, 10.0),
        (10**9, 30.0, 30.0 * SHARE_OF_DEADLINE),
    ],
)
def test_the_window_grows_with_the_crowd_and_ends_before_the_deadline(
    clients: int, deadline_s: float, expected: float
) -> None:
    assert window_s(clients, deadline_s) == pytest.approx(expected)
