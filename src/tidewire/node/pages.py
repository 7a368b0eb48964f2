"""Pages: the past, in pieces that fit a connection's queue."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tidewire.messages import ENVELOPE_BYTES, Publication

PAGE_BYTES = 256 * 1024
"""What one answer carries of the past: a quarter of what a connection's queue may hold."""


def pages_of(entries: Sequence[Publication]) -> Iterator[list[Publication]]:
    """Cut ``entries`` into pages of about ``PAGE_BYTES``; at least one, if an empty one."""
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
    return next(pages_of(entries))


def last_page(entries: Sequence[Publication]) -> list[Publication]:
    """The last of ``entries`` that fit one page, in their order."""
    return first_page(entries[::-1])[::-1]
