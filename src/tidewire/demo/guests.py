"""Guests: whoever opens the page, under the name they chose.

Pure but for the randomness of ids, which is passed in.
"""

from __future__ import annotations

from collections.abc import Callable

from tidewire.security.ids import readable_id
from tidewire.security.user import User

MAX_NAME_LENGTH = 40
"""Room for a full name; fits a line of the people's list."""

ID_LENGTH = 7
"""35 bits: enough to tell the guests of a demo apart, short enough to read."""

GUEST_LENGTH = 4
"""What tells one nameless guest from the next, to the eye only."""

MakeId = Callable[[int], str]


def guest_for(chosen: str, make_id: MakeId = readable_id) -> User:
    """A new guest called ``chosen``, or "guest-xxxx" where nothing of it can be shown.

    The id starts with the name: messages in history carry only the id, and
    should still say who spoke after the guest has gone.
    """
    name = clean_name(chosen) or f"guest-{make_id(GUEST_LENGTH)}"
    return User(id=f"{_as_id(name)}-{make_id(ID_LENGTH)}", info={"name": name}, is_anonymous=True)


def clean_name(chosen: str) -> str:
    """``chosen`` without control and formatting characters, on one line, and not too long."""
    visible = "".join(letter if letter.isprintable() else " " for letter in chosen)
    return " ".join(visible.split())[:MAX_NAME_LENGTH].rstrip()


def _as_id(name: str) -> str:
    return name.replace(" ", "-").lower()
