"""What a channel keeps, and who may do what in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

from msgspec import Struct

from tidewire.security.rates import Rate

Access: TypeAlias = Literal["anyone", "authenticated", "subscribers", "token", "hook", "nobody"]
"""Who may do something: anybody who is connected; who has shown who it is; who is subscribed; whose
token says so (its ``channels`` claim); whom the application's hook lets; nobody but the server."""

Action: TypeAlias = Literal["subscribe", "publish", "history", "presence"]
"""What may be allowed or not. Signals and states go with ``publish``."""

SlowReader: TypeAlias = Literal["disconnect", "drop_oldest", "conflate"]
"""What becomes of a reader that is behind: it is closed, to come back and recover; it misses the
oldest; or it is kept up to date with the latest of each ``key``. The last two mean ``skipped``."""

Check: TypeAlias = Callable[[str], None]
"""Looks at an entry's data (JSON text); raises ``ValueError`` whose text the publisher is told."""


class ChannelOptions(Struct, frozen=True):
    """One channel's rules; every channel that matches one pattern shares them."""

    history_size: int = 100
    """Entries kept for recovery and history; 0 keeps none, only the position."""

    history_ttl_s: float = 300
    """How long an entry is kept after it was published."""

    keeps_latest: bool = False
    """Keep the latest entry of each ``key`` besides; a subscribe then returns them first."""

    presence: bool = True
    """Whether it is known, and told, who is here."""

    announce_up_to: int = 200
    """Up to this many users each join and leave is told to everyone; announcing is quadratic, so
    above it there is one ``occupancy`` at most once a second."""

    leave_after_s: float = 0.0
    """How long a client that has gone may take to come back before its leave is told."""

    may_subscribe: Access = "anyone"
    may_publish: Access = "anyone"
    may_read_history: Access | None = None
    """None: whoever may subscribe."""

    may_read_presence: Access | None = None
    """None: whoever may subscribe."""

    publish_rate: Rate | None = None
    """Publications and signals of one client here, within its own limits; None sets no further."""

    check: Check | None = None
    """The schema that every client's entry has to fit."""

    slow_reader: SlowReader = "disconnect"
    echo: bool = True
    """Whether a publisher that is subscribed is sent its own entries."""

    subscribed_by_server: bool = False
    """Every client whom it is for is subscribed at connect, unasked: a lobby, ``user:{userId}``."""

    def access(self, action: Action) -> Access:
        """Who may do ``action``."""
        if action == "publish":
            return self.may_publish
        if action == "history":
            return self.may_read_history or self.may_subscribe
        if action == "presence":
            return self.may_read_presence or self.may_subscribe
        return self.may_subscribe


def is_allowed(access: Access, *, is_anonymous: bool) -> bool:
    """Whether a client may do what ``access`` guards, as far as that depends on it alone."""
    return access == "anyone" or (access == "authenticated" and not is_anonymous)
