"""Who may do what in a channel."""

from __future__ import annotations

import pytest

from tidewire.channels.options import Access, is_allowed


@pytest.mark.parametrize(
    ("access", "is_anonymous", "allowed"),
    [
        ("anyone", True, True),
        ("anyone", False, True),
        ("authenticated", True, False),
        ("authenticated", False, True),
        ("nobody", True, False),
        ("nobody", False, False),
    ],
)
def test_access_is_what_its_word_says(access: Access, is_anonymous: bool, allowed: bool) -> None:
    assert is_allowed(access, is_anonymous=is_anonymous) == allowed
