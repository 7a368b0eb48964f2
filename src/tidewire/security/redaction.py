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
    r"token|ticket|grant|jwt|secret|password|passwd|api[_-]?key"
    r"|session(?:_?id)?|authorization"
)
_QUOTE = r"""b?\\?["']?"""

_PATTERNS: tuple[re.Pattern[str], ...] = (
    # A header, in a request or in a repr or JSON of one: to the end of its value.
    re.compile(
        rf"(?i)\b((?:proxy-)?authorization|(?:set-)?cookie)({_QUOTE}\s*[:=,]\s*{_QUOTE})"
        r"""[^"'\\\r\n]+"""
    ),
    # A named value, as in a query, a form, key=value, or JSON (whose literals have to stay bare).
    re.compile(
        rf"(?i)({_NAMES})({_QUOTE}\s*[:=]\s*{_QUOTE})(?!null\b|true\b|false\b)"
        r"""[^\s&;,#"'\\<>]+"""
    ),
    # A credential announced by its scheme (long, since "basic authentication" is none) or by the
    # prefix of our subprotocols.
    re.compile(r"(?i)\b(bearer|basic)( +)[\w.~+/=-]{16,}"),
    re.compile(r"(?i)\b(bearer|ticket|resume)(\.)[\w.~+/=-]{8,}"),
)

_HINTS = ("token", "ticket", "grant", "resume", "jwt", "secret", "passw", "api", "session",
          "authorization", "cookie", "bearer", "basic")  # fmt: skip
"""One of these is in whatever the patterns match. To look for them first takes 2 us where the
patterns take 70, for every client that connects."""

_DOTTED = re.compile(r"(?<![\w-])[\w-]++(?:\.[\w-]*+)+")
"""Base64url parts with dots between: a JWT, what a line limit left of it, or a host name.
Possessive, from a part's start: to look for JWTs directly is quadratic in a run of "eyJ-eyJ-"."""

_JSON_OBJECT = ("eyJ", "eyAi", "ewog", "ewki", "ew0K")
"""How base64 begins for a brace, then a quote, with or without white space between them."""


def redact(text: str) -> str:
    """``text`` without anything that looks like a credential. Linear in its length."""
    folded = text.casefold()  # as (?i) does, which takes a long s for an s
    if any(map(folded.__contains__, _HINTS)):
        for pattern in _PATTERNS:
            text = pattern.sub(rf"\1\2{HIDDEN}", text)
    if any(map(text.__contains__, _JSON_OBJECT)):
        text = _DOTTED.sub(_hide_jwt, text)
    return text


def _hide_jwt(dotted: re.Match[str]) -> str:
    text = dotted.group()
    return HIDDEN if "eyJ" in text or text.startswith(_JSON_OBJECT) else text


class RedactingFormatter(logging.Formatter):
    """Another formatter, with its result redacted: the last thing before a handler writes."""

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self._inner = inner

    def format(self, record: logging.LogRecord) -> str:
        return redact(self._inner.format(record))
