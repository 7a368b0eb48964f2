"""Takes tokens, tickets and cookies out of anything on its way to a log (catalogue 18).

A net under code that should not have written them in the first place: it works on
the finished text, so that a message, its arguments, a traceback and a repr of
headers all pass through it.
"""

from __future__ import annotations

import logging
import re

HIDDEN = "[hidden]"

_NAMES = (
    r"(?:access_|id_|refresh_|auth_)?token|ticket|jwt|secret|password|passwd|api[_-]?key"
    r"|session(?:_?id)?|authorization"
)
_QUOTE = r"""b?\\?["']?"""

_PATTERNS: tuple[re.Pattern[str], ...] = (
    # A header, in a request or in a repr or JSON of one: to the end of its value.
    re.compile(
        rf"(?i)\b((?:proxy-)?authorization|(?:set-)?cookie)({_QUOTE}\s*[:=,]\s*{_QUOTE})"
        r"""[^"'\\\r\n]+"""
    ),
    # A named value, as in a query, a form, JSON or key=value logging.
    re.compile(rf"(?i)\b({_NAMES})({_QUOTE}\s*[:=]\s*{_QUOTE})[^\s&;,#\"'\\<>]+"),
    # A credential announced by its scheme or by our subprotocols' prefix.
    re.compile(r"(?i)\b(bearer|basic|ticket)([ .])[\w.~+/=-]{8,}"),
)

_JWT = re.compile(r"\b(?:eyJ|eyA|ewo|ewk|ewog)[\w-]{4,}(?:\.[\w-]*)+")
"""Three or five base64url parts, of which the first is a JSON object; or what was cut off it."""


def redact(text: str) -> str:
    """``text`` without anything that looks like a credential. Linear in its length."""
    for pattern in _PATTERNS:
        text = pattern.sub(rf"\1\2{HIDDEN}", text)
    return _JWT.sub(HIDDEN, text)


class RedactingFormatter(logging.Formatter):
    """Another formatter, with its result redacted: the last thing before a handler writes."""

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self._inner = inner

    def format(self, record: logging.LogRecord) -> str:
        return redact(self._inner.format(record))
