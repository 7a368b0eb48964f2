"""The C library's allocator: the one setting that many TLS connections need.

uvloop has a buffer of 256 KiB for each TLS connection, of which a quiet one touches
the first page. From a mapping of its own that is all it costs. But glibc, when the
first such buffer is freed, takes its size for an ordinary one and places those that
follow in the heap, where the gaps between them fill up: 47 KiB a connection instead
of 25.
"""

from __future__ import annotations

import ctypes

M_MMAP_THRESHOLD = -3  # malloc.h

LARGE_BLOCK_BYTES = 256 * 1024
"""What is as large as this is mapped by itself: uvloop's buffers, and little else that we make."""


def keep_large_blocks_apart(library: object | None = None) -> bool:
    """Fix the size from which a block is mapped, for the whole process; whether that can be done.

    It can on glibc. ``library`` is the C library, found by itself.
    """
    try:
        mallopt = getattr(library or ctypes.CDLL(None), "mallopt", None)
    except (OSError, TypeError):  # no such library on this system
        return False
    return mallopt is not None and mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK_BYTES) == 1
