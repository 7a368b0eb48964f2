"""Pages: the past, in pieces that fit a connection's queue."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tidewire.messages import ENVELOPE_BYTES, Publication

PAGE_BYTES = 256 * 1024
"""What one answer carries of the past: a quarter of what a connection's queue may hold."""


def pages_of(entries: Sequence[Publication]) -> list[list[Publication]]:
    """Cut ``entries`` into pages of about ``PAGE_BYTES``; at least one, if an empty one.

    Nearly always one is enough. To see that takes 2 us for fifty entries, and to cut
    them 12, for every client of a crowd that comes back.
    """
    size = len(entries) * ENVELOPE_BYTES + sum([len(entry.data) for entry in entries])
    return [list(entries)] if size <= PAGE_BYTES else list(_cut(entries))


def _cut(entries: Sequence[Publication]) -> Iterator[list[Publication]]:
    page: list[Publication] = []
    size = 0
    for entry in entries:
        cost = ENVELOPE_BYTES + len(entry.data)
        if page and size + cost > PAGE_BYTES:
            yield page
            page, size = [], 0
        page.append(entry)
        size += cost
    yield page


def first_page(entries: Sequence[Publication]) -> list[Publication]:
    return pages_of(entries)[0]


def last_page(entries: Sequence[Publication]) -> list[Publication]:
    """The last of ``entries`` that fit one page, in their order."""
    return first_page(entries[::-1])[::-1]
