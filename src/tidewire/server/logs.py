"""What the server writes to standard error: a line a person reads, or an object per line.

Callers use ``logging`` and give facts as ``extra``: ``log.info("connected",
extra={"client": ..., "ip": ...})``; or ``write_line``, where there is a line for
every connect. They give no token and nothing people say; every finished line is
redacted all the same.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from json.encoder import encode_basestring_ascii
from typing import Any, Literal, TextIO, TypeAlias

from tidewire.security.redaction import RedactingFormatter

Style: TypeAlias = Literal["auto", "text", "json"]

UVICORN_LOGGERS = ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi")
ACCESS_LOGGER = "uvicorn.access"

MAX_LINE_CHARACTERS = 16_384
"""A line that quotes what a client sent must not let it fill the disk."""

_OWN_FIELDS = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}
_NO_FACTS = _OWN_FIELDS | {"color_message"}
"""uvicorn repeats its message with colours in it."""

_to_json = json.JSONEncoder(default=str).encode
_AS_JSON: Mapping[type, Callable[[Any], str]] = {str: encode_basestring_ascii, int: int.__repr__}
"""How most facts are written: an encoder is made anew for each value or object, 1.5 us."""


def configure_logging(
    *,
    level: str = "info",
    style: Style = "auto",
    access: bool = False,
    stream: TextIO | None = None,
) -> None:
    """Send every logger's records, uvicorn's too, to ``stream`` (standard error). Repeatable."""
    target = sys.stderr if stream is None else stream
    handler = logging.StreamHandler(target)
    handler.setFormatter(RedactingFormatter(formatter_for(style, target)))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # A full disk costs log lines, never a traceback for each of them (catalogue 93).
    logging.raiseExceptions = False
    _adopt_uvicorn(access=access)


def _adopt_uvicorn(*, access: bool) -> None:
    for name in UVICORN_LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
        logger.setLevel(logging.NOTSET)
    if not access:
        logging.getLogger(ACCESS_LOGGER).setLevel(logging.WARNING)


def formatter_for(style: Style, stream: TextIO) -> logging.Formatter:
    if style == "auto":
        style = "text" if stream.isatty() else "json"
    return TextFormatter() if style == "text" else JsonFormatter()


_BLANK = {**dict.fromkeys(_OWN_FIELDS), "args": (), "lineno": 0, "relativeCreated": 0.0}
"""By name, since other people's formats look there and not at attributes."""


class Line(logging.LogRecord):
    """A record of a message and its facts, and nothing about caller, thread or process.

    No formatter here shows those, and to find them out is a third of a line's cost.
    """

    def __init__(self, name: str, level: int, message: str, facts: Mapping[str, object]) -> None:
        now = time.time()
        self.__dict__ = {
            **_BLANK,
            **facts,
            "name": name,
            "msg": message,
            "levelno": level,
            "levelname": logging.getLevelName(level),
            "created": now,
            "msecs": now % 1 * 1000,
        }


def write_line(
    logger: logging.Logger, level: int, message: str, facts: Mapping[str, object]
) -> None:
    """As ``logger.log(level, message, extra=facts)``, at half the cost."""
    if logger.isEnabledFor(level):
        logger.handle(Line(logger.name, level, message, facts))


class TextFormatter(logging.Formatter):
    """``17:40:12.345 INFO  connected  client=c1 ip=192.0.2.1``"""

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created).astimezone()
        facts = "".join(f"  {name}={_plain(value)}" for name, value in extra_of(record).items())
        stamp = time.strftime("%H:%M:%S") + f".{time.microsecond // 1000:03}"
        line = f"{stamp} {record.levelname:<7} {_one_line(_message(record))}{facts}"
        trace = self._trace(record)
        return line if trace is None else f"{line}\n{trace}"

    def _trace(self, record: logging.LogRecord) -> str | None:
        return self.formatException(record.exc_info) if record.exc_info else None


class JsonFormatter(logging.Formatter):
    """One JSON object per line: time, level, logger, message, then the facts."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, object] = {
            "time": f"{_second(int(record.created))}.{int(record.created % 1 * 1000):03}+00:00",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _message(record),
            **extra_of(record),
        }
        if record.exc_info:
            entry["error"] = self.formatException(record.exc_info)
        members = [
            f"{encode_basestring_ascii(name)}: {_AS_JSON.get(type(value), _to_json)(value)}"
            for name, value in entry.items()
        ]
        return f"{{{', '.join(members)}}}"


@lru_cache(maxsize=1)
def _second(seconds: int) -> str:
    """Thousands of lines may share it: 0.1 us each instead of 1.2."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")[:-6]


def extra_of(record: logging.LogRecord) -> Mapping[str, object]:
    """What the caller gave as ``extra``."""
    return {name: value for name, value in record.__dict__.items() if name not in _NO_FACTS}


def _message(record: logging.LogRecord) -> str:
    """Also of a record whose arguments do not fit its text: a log line must not raise."""
    try:
        text = record.getMessage()
    except (TypeError, ValueError):
        text = f"{record.msg} {record.args}"
    return text[:MAX_LINE_CHARACTERS]


def _plain(value: object) -> str:
    """A value that cannot be mistaken for the next one."""
    text = str(value)[:MAX_LINE_CHARACTERS]
    return text if text and text.isprintable() and " " not in text else json.dumps(text)


def _one_line(text: str) -> str:
    """Control characters are written out, so that nobody forges a line or moves the cursor."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
