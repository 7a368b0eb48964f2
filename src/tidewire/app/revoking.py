"""Revoking: what an application does where a login or a token is not to be believed any longer."""

from __future__ import annotations

from tidewire.app.link import Link, Pending
from tidewire.errors import TidewireError
from tidewire.node.revocations import RevocationBook
from tidewire.security.revocation import RevokedKind


class Revokes:
    """The part of ``App`` that voids what was issued before."""

    _book: RevocationBook | None = None

    def _linked(self) -> Link:
        raise NotImplementedError

    def revoke(
        self,
        *,
        user: str | None = None,
        session: str | None = None,
        token: str | None = None,
        client: str | None = None,
        issued_before: float | None = None,
        ttl_s: float | None = None,
    ) -> Pending[int]:
        """Void what was issued before then (now) to a user, a login, a token or a client.

        Whoever came in with it is cut, on every node within a second, and may come back with
        what is issued from now on. Await the answer, or ``wait`` for it in a thread: how many
        were cut here. Where an ``authenticate`` hook lets users in, it is asked again.
        Raises ``ValueError`` unless one is named, ``CommandRefused``, ``EngineUnavailable``.
        """
        kind, subject = _one_of(user=user, session=session, token=token, client=client)
        link, book = self._linked(), self._book
        if book is None:
            raise TidewireError("the server does not keep revocations")

        async def work() -> int:
            cut = await book.revoke(kind, subject, issued_before=issued_before, ttl_s=ttl_s)
            return cut.clients

        return link.ask(work())


def _one_of(
    *, user: str | None, session: str | None, token: str | None, client: str | None
) -> tuple[RevokedKind, str]:
    named: dict[RevokedKind, str | None] = {
        "user": user, "session": session, "token": token, "client": client,
    }  # fmt: skip
    given = [(kind, subject) for kind, subject in named.items() if subject]
    if len(given) != 1:
        raise ValueError("name one of user, session, token and client")
    return given[0]
