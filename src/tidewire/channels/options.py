"""What a channel keeps, and who may do what in it."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

Access: TypeAlias = Literal["anyone", "authenticated", "nobody"]


class ChannelOptions(Struct, frozen=True):
    """One channel's rules; every channel that matches one pattern shares them."""

    history_size: int = 100
    """Entries kept for recovery and history; 0 keeps none, only the position."""

    history_ttl_s: float = 300
    """How long an entry is kept after it was published."""

    announce_up_to: int = 200
    """Up to this many users each join and leave is told to everyone; announcing is quadratic, so
    above it there is one ``occupancy`` at most once a second."""

    may_subscribe: Access = "anyone"
    may_publish: Access = "anyone"


def is_allowed(access: Access, *, is_anonymous: bool) -> bool:
    """Whether a client may do what ``access`` guards."""
    return access == "anyone" or (access == "authenticated" and not is_anonymous)
