"""A query for entries of a log, and the one decision what answers it, whoever keeps the log."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from tidewire.messages import Position, Publication


class Query(Struct, frozen=True):
    """Which entries a read is after, of those still kept.

    What follows ``since`` (the oldest ``limit``), what precedes ``before`` (the
    newest ``limit``), what lies between both (the oldest), or the newest
    ``limit``; None is no limit. Answered oldest first, or newest first with
    ``newest_first``, which then keeps the newest ``limit`` in any case.
    """

    since: Position | None = None
    before: Position | None = None
    limit: int | None = None
    newest_first: bool = False


class Replay(Struct, frozen=True):
    """Exactly what was asked for, in the order asked for; nothing is left out."""

    entries: list[Publication]


class Gap(Struct, frozen=True):
    """What was asked for can no longer be told: the reader must load its state anew."""


class Span(Struct, frozen=True):
    """The entries from ``first`` to ``last``; none where ``last`` is less."""

    first: int
    last: int


def span_of(
    query: Query, head: Position, first: int, tag_of: Callable[[int], str | None]
) -> Span | Gap:
    """What answers ``query`` in a log that keeps the entries ``first`` to ``head.seq``.

    A gap where a place is of another epoch, ahead of the log, or no longer here:
    of ``since``, everything that follows must be kept, and a place that carries a
    tag must name an entry that is (or the head), since a log that was rewound and
    grew again under the same epoch has another entry at that ``seq``. This costs
    one entry of retention. ``tag_of`` is asked for kept entries only.
    """
    for place in (query.since, query.before):
        if place is not None and not _is_known(place, head, first, tag_of):
            return Gap()
    low = first if query.since is None else query.since.seq + 1
    high = head.seq if query.before is None else query.before.seq - 1
    limit = query.limit
    if limit is None or limit > high - low:
        return Span(low, high)
    if query.since is None or query.newest_first:
        return Span(high - limit + 1, high)
    return Span(low, low + limit - 1)


def _is_known(
    place: Position, head: Position, first: int, tag_of: Callable[[int], str | None]
) -> bool:
    if place.epoch != head.epoch or not first - 1 <= place.seq <= head.seq:
        return False
    if not place.tag:
        return True
    if place.seq == head.seq:
        return place.tag == head.tag
    return place.seq >= first and place.tag == tag_of(place.seq)
