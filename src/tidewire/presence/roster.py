"""Who is in one channel: users, each counted once, and what their clients have set.

An entry a user and none a client, because a lobby has tens of thousands, nearly
all of them with one client that has set nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from tidewire.security.user import User


class Roster:
    """The users of one channel.

    A user whose last client has gone may be kept as *leaving*: still counted and
    listed, until it ``expires`` or comes back as if it had never been away.
    """

    __slots__ = ("_leaving", "_more", "_states", "_users", "clients")

    def __init__(self) -> None:
        self.clients = 0
        self._users: dict[str, User] = {}
        self._more: dict[str, int] = {}  # further clients of those who have more than one
        self._leaving: dict[str, int] = {}  # which of all departures it was
        self._states: dict[str, dict[str, bytes]] = {}  # by user and client

    def __len__(self) -> int:
        return len(self._users)

    def __iter__(self) -> Iterator[User]:
        return iter(self._users.values())

    def enter(self, user: User) -> bool:
        """Count one more client of ``user``; whether the user is new here."""
        self.clients += 1
        is_new = user.id not in self._users
        self._users[user.id] = user
        if not is_new and self._leaving.pop(user.id, None) is None:
            self._more[user.id] = self._more.get(user.id, 0) + 1
        return is_new

    def renew(self, user: User) -> None:
        """What is said of ``user`` from now on, if it is here."""
        if user.id in self._users:
            self._users[user.id] = user

    def leave(self, user_id: str, departure: int | None = None) -> bool:
        """Count one client of a user less; whether it was the last.

        With a ``departure`` the user is kept as leaving, under this number.
        """
        if user_id not in self._users or user_id in self._leaving:
            return False
        self.clients -= 1
        more = self._more.pop(user_id, 0)
        if more > 1:
            self._more[user_id] = more - 1
        if more:
            return False
        if departure is None:
            del self._users[user_id]
        else:
            self._leaving[user_id] = departure
        return True

    @property
    def leaving(self) -> int:
        return len(self._leaving)

    def expire(self, user_id: str, departure: int) -> bool:
        """Forget a user who has not come back since that ``departure``; whether it was so."""
        if self._leaving.get(user_id) != departure:
            return False
        del self._leaving[user_id], self._users[user_id]
        return True

    # -- what clients have set -----------------------------------------------------------------

    def set_state(self, user_id: str, client_id: str, state: bytes | None) -> bool:
        """Keep a client's ``state``, or with None nothing more of it; whether it had one."""
        states = self._states.setdefault(user_id, {})
        had_one = states.pop(client_id, None) is not None
        if state is not None:
            states[client_id] = state
        if not states:
            del self._states[user_id]
        return had_one

    def states(self, user_id: str) -> dict[str, bytes]:
        """By client, what the user's clients have set: JSON text."""
        return self._states.get(user_id, {})
