"""API keys: who may use the HTTP API. Several at a time, so that they can be changed one by one.

A configured line is ``name:hash``; the key itself is known to its holder only.
The hash is plain SHA-256, and that is right *here*: a key is 256 random bits, so
there is no dictionary to try, and a slow hash would only slow every request
down. There is no default key: without one the API does not exist (catalogue 81).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable

from tidewire.errors import ConfigError
from tidewire.security.ids import RandomBytes

KEY_BYTES = 32
PREFIX = "twk_"
"""So that a scanner for leaked secrets, and whoever finds one in a file, knows what it is."""

MAX_KEY_LENGTH = 128
"""Of what is hashed for a stranger; a key has 47 characters."""

_LINE = re.compile(r"([A-Za-z0-9_.-]{1,64}):([0-9a-f]{64})")


class ApiKeys:
    """The keys in force, by the names that logs call them."""

    __slots__ = ("_hashes",)

    def __init__(self, lines: Iterable[str] = ()) -> None:
        self._hashes = [_parse(line) for line in lines]

    def __len__(self) -> int:
        return len(self._hashes)

    def name_of(self, key: str) -> str | None:
        """The name of ``key``; None where it is none of ours.

        Looks at every hash to the end, in constant time each (catalogue 80).
        """
        if len(key) > MAX_KEY_LENGTH:
            return None
        given = digest(key)
        names = [name for name, known in self._hashes if hmac.compare_digest(given, known)]
        return names[0] if names else None


def make_key(random_bytes: RandomBytes) -> str:
    """A new key. Whoever loses it makes another: only its hash is kept anywhere."""
    return PREFIX + base64.urlsafe_b64encode(random_bytes(KEY_BYTES)).rstrip(b"=").decode()


def line_of(name: str, key: str) -> str:
    """What to put into ``api.keys`` for ``key``. Raises ``ConfigError`` for a wrong name."""
    line = f"{name}:{digest(key)}"
    _parse(line)
    return line


def digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def _parse(line: str) -> tuple[str, str]:
    match = _LINE.fullmatch(line.strip())
    if match is None:
        # Never the line itself: somebody may have put the key there.
        raise ConfigError(
            "api.keys: an entry is name:hash, as `tidewire api-key create` prints it; a name is"
            " 1 to 64 of A-Z a-z 0-9 _ . -"
        )
    return match[1], match[2]
