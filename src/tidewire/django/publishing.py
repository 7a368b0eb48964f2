"""Publishing from Django: when the transaction commits, all of it in one batch, in order.

What is rolled back is never published. Outside a transaction it goes out at once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
from django.db import transaction

from tidewire.django.delivery import Draft, outlet
from tidewire.errors import TidewireError

logger = logging.getLogger("tidewire.django")


def publish(
    channel: str,
    data: Any,
    *,
    once: str | None = None,
    key: str | None = None,
    user_id: str = "",
    using: str | None = None,
) -> None:
    """Publish ``data`` (anything JSON can say) once the current transaction has committed.

    From any synchronous view, task or signal handler. ``using`` names the database
    whose transaction is meant. A failure to deliver is logged and the view goes on,
    since its data is saved: what must not be lost belongs into the outbox. Raises
    ``TypeError`` for data that JSON cannot say, here and not after the commit.
    """
    draft = Draft(channel, msgspec.json.encode(data).decode(), once, key, user_id)
    connection = transaction.get_connection(using)
    if connection.in_atomic_block:
        _batch_of(connection).add(draft)
    else:
        _send([draft])


class _Batch:
    """What one transaction publishes. Its savepoints may yet take some of it back."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._committed: list[Draft] = []
        self._last: tuple[set[str], Callable[[], None], bool] = (set(), self.flush, False)

    def add(self, draft: Draft) -> None:
        """Django runs the hooks of a commit in order and forgets those of a savepoint that was
        rolled back. Ours collect; ``flush`` belongs to no savepoint and stays the last of them.
        """
        hooks = self._connection.run_on_commit
        if self._last in hooks:
            hooks.remove(self._last)
        transaction.on_commit(partial(self._committed.append, draft), self._connection.alias)
        hooks.append(self._last)

    def flush(self) -> None:
        drafts, self._committed = self._committed, []
        if drafts:
            _send(drafts)


def _batch_of(connection: Any) -> _Batch:
    """The transaction's batch: the hook that stands at the end of its commit."""
    for _, hook, _ in reversed(connection.run_on_commit):
        if isinstance(batch := getattr(hook, "__self__", None), _Batch):
            return batch
    return _Batch(connection)


def _send(drafts: list[Draft]) -> None:
    try:
        outlet().publish(drafts)
    except (TidewireError, TimeoutError):
        channels = sorted({draft.channel for draft in drafts})
        logger.exception("%d publications were not delivered to %s", len(drafts), channels)
