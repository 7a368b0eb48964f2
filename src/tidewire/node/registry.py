"""Registry: who is connected, by client and by user."""

from __future__ import annotations

from collections.abc import Iterator

from tidewire.node.peer import Peer


class Clients:
    """All clients of this node.

    One entry by client and one by user, about 110 bytes together: an idle connection
    is to stay small, and most users have one client.
    """

    __slots__ = ("_by_id", "_of_user")

    def __init__(self) -> None:
        self._by_id: dict[str, Peer] = {}
        self._of_user: dict[str, Peer | set[Peer]] = {}

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[Peer]:
        """All as of now: it may be changed meanwhile."""
        return iter(list(self._by_id.values()))

    def by_id(self, client_id: str) -> Peer | None:
        return self._by_id.get(client_id)

    def of_user(self, user_id: str) -> list[Peer]:
        """The user's clients, in no particular order."""
        found = self._of_user.get(user_id)
        if found is None:
            return []
        return list(found) if isinstance(found, set) else [found]

    def add(self, peer: Peer) -> None:
        session = peer.session
        self._by_id[session.client_id] = peer
        found = self._of_user.setdefault(session.user.id, peer)
        if isinstance(found, set):
            found.add(peer)
        elif found is not peer:
            self._of_user[session.user.id] = {found, peer}

    def remove(self, peer: Peer) -> None:
        """Nothing happens where it is not here."""
        session = peer.session
        if self._by_id.pop(session.client_id, None) is None:
            return
        found = self._of_user[session.user.id]
        if isinstance(found, set):
            found.discard(peer)
            if len(found) == 1:
                self._of_user[session.user.id] = found.pop()
        else:
            del self._of_user[session.user.id]
