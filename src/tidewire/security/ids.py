"""Ids that cannot be guessed, short enough to read aloud; and the tags of publications.

Randomness comes from a callable like ``os.urandom``, so that tests choose it.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable
from typing import TypeAlias

RandomBytes: TypeAlias = Callable[[int], bytes]
"""So many bytes from a cryptographically strong source."""

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32 in lower case: no i, l, o (look-alikes of 1 and 0) and no u."""

USER_ID_LENGTH = 10
"""50 bits: names a guest and opens nothing; two of a million guests meet once in 2,000 tries."""

CLIENT_ID_LENGTH = 16
"""80 bits: unique for good."""

_SYMBOLS = bytes(ord(ALPHABET[byte & 31]) for byte in range(256))  # 256 = 8 * 32: no bias


def readable_id(length: int, random_bytes: RandomBytes = secrets.token_bytes) -> str:
    """``length`` characters of ``ALPHABET``, 5 random bits each."""
    return random_bytes(length).translate(_SYMBOLS).decode("ascii")


def new_user_id(random_bytes: RandomBytes = secrets.token_bytes) -> str:
    return readable_id(USER_ID_LENGTH, random_bytes)


def new_client_id(random_bytes: RandomBytes = secrets.token_bytes) -> str:
    return readable_id(CLIENT_ID_LENGTH, random_bytes)


class TagSource:
    """Tags for publications: 48 random bits each, as 8 url-safe characters.

    Drawn from a pool, because a tag is made for every publication: 0.2 us each,
    where an ``os.urandom`` for every one costs 0.4 before it is text. A fork would
    hand both processes the same pool: make one source per process, after any fork.
    """

    __slots__ = ("_pool", "_random_bytes")

    BYTES_PER_TAG = 6
    TAGS_PER_POOL = 1024

    def __init__(self, random_bytes: RandomBytes = secrets.token_bytes) -> None:
        self._random_bytes = random_bytes
        self._pool: list[str] = []

    def __call__(self) -> str:
        return self.take(1)[0]

    def take(self, count: int) -> list[str]:
        """``count`` tags: 0.03 us each in a batch, 0.2 one by one."""
        while len(self._pool) < count:
            self._pool += self._draw()
        kept = len(self._pool) - count
        taken = self._pool[kept:]
        del self._pool[kept:]
        return taken

    def _draw(self) -> list[str]:
        drawn = self._random_bytes(self.BYTES_PER_TAG * self.TAGS_PER_POOL)
        text = base64.urlsafe_b64encode(drawn).decode("ascii")  # 6 bytes are exactly 8 characters
        return [text[at : at + 8] for at in range(0, len(text), 8)]
