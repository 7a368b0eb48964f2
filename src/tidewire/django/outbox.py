"""Writing to the outbox, and the relay that empties it."""

from __future__ import annotations

from typing import Any

import msgspec
from django.db import transaction

from tidewire.django.delivery import Draft, outlet
from tidewire.django.models import OutboxEntry

BATCH = 200
"""Rows sent in one go: one request of some 100 KiB, and what is repeated if its answer is lost."""


def add(channel: str, data: Any, *, key: str | None = None, user_id: str = "") -> OutboxEntry:
    """Publish ``data`` for certain, if and only if the current transaction commits."""
    return OutboxEntry.objects.create(
        channel=channel, data=msgspec.json.encode(data).decode(), key=key, user_id=user_id
    )


def relay(using: str | None = None) -> int:
    """Send the oldest rows and delete them; answers how many there were.

    Rows are locked meanwhile where the database can, so that two relays take turns.
    Raises ``TidewireError`` or ``TimeoutError`` where not all were acknowledged: they
    stay, and are repeated. A ``once`` key is remembered for five minutes, so a row that
    was published but not acknowledged could come twice only if no relay ran for longer.
    """
    with transaction.atomic(using=using):
        entries = list(_oldest(using))
        if entries:
            outlet().publish([_draft(entry) for entry in entries])
            OutboxEntry.objects.using(using).filter(pk__in=[each.pk for each in entries]).delete()
        return len(entries)


def _oldest(using: str | None) -> Any:
    rows = OutboxEntry.objects.using(using).order_by("pk")
    if transaction.get_connection(using).features.has_select_for_update:
        rows = rows.select_for_update()
    return rows[:BATCH]


def _draft(entry: OutboxEntry) -> Draft:
    return Draft(entry.channel, entry.data, f"outbox:{entry.pk}", entry.key, entry.user_id)
