"""The header syntax both sides of a handshake share (RFC 9110 section 5.6, RFC 6455 section 9.1).

One pass from left to right, one step per token: no pattern here can backtrack,
whatever is sent. Knows no header by name. Malformed values raise ValueError.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from msgspec import Struct

Headers: TypeAlias = Sequence[tuple[bytes, bytes]]
"""Names in any case, values as sent."""

Fields: TypeAlias = Mapping[bytes, Sequence[bytes]]
"""The same by name, in lower case."""

# Each is one class, repeated: it either goes on or stops, so matching is linear.
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_SPACE = re.compile(r"[ \t]*")
_QUOTED_RUN = re.compile(r'[^"\\]*')


class Extension(Struct, frozen=True, gc=False):
    """One element of ``Sec-WebSocket-Extensions``; a parameter without a value has None."""

    name: str
    parameters: tuple[tuple[str, str | None], ...] = ()


def fields_of(headers: Headers) -> Fields:
    """All headers by name, for who asks for many of them: one pass instead of one for each."""
    fields: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        fields.setdefault(name.lower(), []).append(value)
    return fields


def values_of(fields: Fields, name: bytes) -> list[str]:
    """Every value sent for ``name`` (given in lower case), one per header line.

    Raises ValueError where one is not ASCII: no header of a handshake may be.
    """
    return [value.decode("ascii").strip(" \t") for value in fields.get(name, ())]


def elements(values: Iterable[str]) -> list[str]:
    """What is between the commas of a list that may span several header lines."""
    stripped = [element.strip(" \t") for value in values for element in value.split(",")]
    return [element for element in stripped if element]


def tokens(values: Iterable[str]) -> list[str]:
    """The elements of a list of tokens."""
    return [checked_token(element) for element in elements(values)]


def checked_token(text: str) -> str:
    """``text`` if it is a token (RFC 9110 section 5.6.2)."""
    if not _TOKEN.fullmatch(text):
        raise ValueError("malformed token in a header")
    return text


def extensions(values: Iterable[str]) -> list[Extension]:
    """The extensions of a list that may span several header lines."""
    found = []
    for value in values:
        scanner = _Scanner(value)
        while not scanner.is_done():
            if not scanner.skips(","):
                found.append(_extension(scanner))
    return found


def _extension(scanner: _Scanner) -> Extension:
    name = scanner.token()
    parameters = []
    while scanner.skips(";"):
        parameter = scanner.token()
        parameters.append((parameter, scanner.token_or_quoted() if scanner.skips("=") else None))
    if not scanner.is_done() and not scanner.skips(","):
        raise ValueError("malformed extension list")
    return Extension(name, tuple(parameters))


class _Scanner:
    """Reads one header value from left to right, and never goes back."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._skip_space()

    def is_done(self) -> bool:
        return self._at == len(self._text)

    def skips(self, mark: str) -> bool:
        """Step over ``mark`` if it comes next."""
        if not self._text.startswith(mark, self._at):
            return False
        self._at += len(mark)
        self._skip_space()
        return True

    def token(self) -> str:
        match = _TOKEN.match(self._text, self._at)
        if match is None:
            raise ValueError("malformed extension list")
        self._at = match.end()
        self._skip_space()
        return match.group()

    def token_or_quoted(self) -> str:
        """A value; quoted, it must be a token once unquoted (RFC 6455 section 9.1)."""
        if not self._text.startswith('"', self._at):
            return self.token()
        self._at += 1
        return checked_token(self._quoted())

    def _quoted(self) -> str:
        runs = []
        while True:
            run = self._run()
            runs.append(run)
            mark = self._text[self._at : self._at + 1]
            self._at += 1
            if mark == '"':
                self._skip_space()
                return "".join(runs)
            if mark != "\\" or self.is_done() or self._at > len(self._text):
                raise ValueError("unfinished quoted string")
            runs.append(self._text[self._at])
            self._at += 1

    def _run(self) -> str:
        match = _QUOTED_RUN.match(self._text, self._at)
        assert match is not None  # the pattern matches the empty string
        self._at = match.end()
        return match.group()

    def _skip_space(self) -> None:
        match = _SPACE.match(self._text, self._at)
        assert match is not None  # the pattern matches the empty string
        self._at = match.end()
