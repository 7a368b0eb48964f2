"""What the server writes to standard error: a line a person reads, or an object per line.

Callers use ``logging`` and give facts as ``extra``: ``log.info("connected",
extra={"client": ..., "ip": ...})``. They give no token and nothing people say;
every finished line is redacted all the same.

Lines for programs are written a few at a time while an event loop runs: a killed
process loses the last ``WRITE_WITHIN_S`` of them, yet no warning and no error.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal, TextIO, TypeAlias

from tidewire.security.redaction import RedactingFormatter

Style: TypeAlias = Literal["auto", "text", "json"]

UVICORN_LOGGERS = ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi")
ACCESS_LOGGER = "uvicorn.access"

MAX_LINE_CHARACTERS = 16_384
"""A line that quotes what a client sent must not let it fill the disk."""

WRITE_WITHIN_S = 0.05
"""A write for each line costs every client that connects 0.05 ms of processor time."""

MAX_COLLECTED_CHARACTERS = 65_536
"""What lines may hold of memory until they are written; a pipe takes as much at once."""

_OWN_FIELDS = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}
_OTHER_PEOPLES_FIELDS = frozenset({"color_message"})
"""uvicorn repeats its message with colours in it."""


def configure_logging(
    *,
    level: str = "info",
    style: Style = "auto",
    access: bool = False,
    stream: TextIO | None = None,
) -> None:
    """Send every logger's records, uvicorn's too, to ``stream`` (standard error). Repeatable."""
    target = sys.stderr if stream is None else stream
    root = logging.getLogger()
    before, root.handlers[:] = list(root.handlers), [handler_for(style, target)]
    for handler in before:
        if isinstance(handler, CollectingHandler):
            handler.flush()
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


def handler_for(style: Style, stream: TextIO) -> logging.Handler:
    if style == "auto":
        style = "text" if stream.isatty() else "json"
    is_read = style == "text"  # by a person, who wants each line at once
    handler = logging.StreamHandler(stream) if is_read else CollectingHandler(stream)
    handler.setFormatter(RedactingFormatter(TextFormatter() if is_read else JsonFormatter()))
    return handler


class CollectingHandler(logging.StreamHandler[TextIO]):
    """Writes the lines of ``WRITE_WITHIN_S`` together, in their order.

    At once, with all that is collected: a warning or worse, and what is logged where
    no event loop runs, as in another thread. ``logging`` flushes at exit. What cannot
    be written is lost, and raises nothing (catalogue 93).
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._lines: list[str] = []
        self._characters = 0
        self._flushed_by: asyncio.AbstractEventLoop | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Called with the handler's lock held."""
        try:
            line = self.format(record) + self.terminator
        except Exception:  # as every handler of logging's
            self.handleError(record)
            return
        self._lines.append(line)
        self._characters += len(line)
        is_full = self._characters >= MAX_COLLECTED_CHARACTERS
        if record.levelno >= logging.WARNING or is_full or not self._flushes_soon():
            self.flush()

    def _flushes_soon(self) -> bool:
        """Whether a running loop will flush. One that has ended may have left its timer unused."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return False
        if loop is not self._flushed_by:
            self._flushed_by = loop
            loop.call_later(WRITE_WITHIN_S, self._on_time)
        return True

    def _on_time(self) -> None:
        self._flushed_by = None
        self.flush()

    def flush(self) -> None:
        self.acquire()
        try:
            text = "".join(self._lines)
            self._lines.clear()
            self._characters = 0
            with contextlib.suppress(OSError, ValueError):
                self.stream.write(text)
                self.stream.flush()
        finally:
            self.release()


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
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _message(record),
            **extra_of(record),
        }
        if record.exc_info:
            entry["error"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str)


def extra_of(record: logging.LogRecord) -> Mapping[str, object]:
    """What the caller gave as ``extra``."""
    return {
        name: value
        for name, value in record.__dict__.items()
        if name not in _OWN_FIELDS and name not in _OTHER_PEOPLES_FIELDS
    }


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
