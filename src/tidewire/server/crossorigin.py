"""Pages of other origins that read our HTTP answers (Fetch Standard, section 3.2: CORS).

The same list that lets a page open a WebSocket lets it read a stream, a poll or
the answer to a publish; whoever is not on it was refused before.
"""

from __future__ import annotations

from tidewire.security.handshake import Handshake
from tidewire.security.origin import OriginPolicy

PREFLIGHT_S = 600
"""A browser asks again after ten minutes at most, so that a shorter list soon counts."""

EXPOSED = "etag, retry-after"


class CrossOrigin:
    """The headers that let a page read an answer."""

    def __init__(self, origins: OriginPolicy, *, allows_any: bool) -> None:
        self._origins = origins
        self._allows_any = allows_any

    def headers(self, handshake: Handshake) -> list[tuple[str, str]]:
        """For whoever has been let in. ``Vary`` is there for every cache on the way, always."""
        headers = [("vary", "origin")]
        if handshake.origin is not None:
            headers += [
                ("access-control-allow-origin", handshake.origin),
                ("access-control-expose-headers", EXPOSED),
            ]
            if not self._allows_any:  # any page on the web comes without its visitor's cookies
                headers.append(("access-control-allow-credentials", "true"))
        return headers

    def preflight(self, handshake: Handshake, methods: str) -> list[tuple[str, str]]:
        """What a browser asks before it sends more than a form. Raises ``HandshakeRefused``."""
        self._origins.check(handshake, by_cookie=False)
        return [
            *self.headers(handshake),
            ("access-control-allow-methods", methods),
            (
                "access-control-allow-headers",
                "authorization, content-type, last-event-id, if-none-match",
            ),
            ("access-control-max-age", str(PREFLIGHT_S)),
        ]
