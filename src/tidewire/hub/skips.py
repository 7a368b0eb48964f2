"""What is left out on purpose is said, so that nobody takes it for a loss."""

from __future__ import annotations

from typing import Any

from tidewire.messages import Publication, Skipped, SkipReason


def leave_out(said: list[Any], channel: str, first: int, last: int, reason: SkipReason) -> None:
    """Add to ``said`` that these entries are left out: with those just before them, as one."""
    before = said[-1] if said else None
    if type(before) is Skipped and before.reason == reason and before.last == first - 1:
        first = before.first
        said.pop()
    said.append(Skipped(channel=channel, first=first, last=last, reason=reason))


def reason_to_exclude(entry: Publication) -> SkipReason:
    """Why the client that ``entry`` excludes is not sent it: its own, or the application's wish."""
    return "echo" if entry.client_id == entry.exclude else "excluded"
