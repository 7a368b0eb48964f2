"""Who is in one channel: users, counted once however many clients each has."""

from __future__ import annotations

from collections.abc import Iterator

from tidewire.security.user import User


class Roster:
    """The users of one channel. One dict entry a user, because a lobby has tens of thousands."""

    __slots__ = ("_more", "_users")

    def __init__(self) -> None:
        self._users: dict[str, User] = {}
        self._more: dict[str, int] = {}  # further clients of those who have more than one

    def __len__(self) -> int:
        return len(self._users)

    def __iter__(self) -> Iterator[User]:
        return iter(self._users.values())

    def enter(self, user: User) -> bool:
        """Count one more client of ``user``; whether it is the first."""
        if user.id not in self._users:
            self._users[user.id] = user
            return True
        self._more[user.id] = self._more.get(user.id, 0) + 1
        return False

    def leave(self, user_id: str) -> bool:
        """Count one client of a user less; whether it was the last."""
        more = self._more.pop(user_id, 0)
        if more > 1:
            self._more[user_id] = more - 1
        if more:
            return False
        return self._users.pop(user_id, None) is not None
