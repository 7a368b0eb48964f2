import io
import json
import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.tokens import SECRET
from tidewire.security.tokens import TokenIssuer
from tidewire.server.logs import (
    ACCESS_LOGGER,
    UVICORN_LOGGERS,
    Style,
    configure_logging,
    write_line,
)

log = logging.getLogger("tidewire.test")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class FullDisk(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level, raises = list(root.handlers), root.level, logging.raiseExceptions
    yield
    root.handlers[:], logging.raiseExceptions = handlers, raises
    root.setLevel(level)
    for name in UVICORN_LOGGERS:
        logging.getLogger(name).setLevel(logging.NOTSET)


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


def entry(stream: io.StringIO) -> Any:
    (line,) = stream.getvalue().splitlines()
    return json.loads(line)


def test_where_nobody_reads_each_line_is_an_object(stream: io.StringIO) -> None:
    configure_logging(stream=stream)
    log.info("connected", extra={"client": "c1", "ip": "192.0.2.1"})
    found = entry(stream)
    assert found.pop("time").endswith("+00:00")
    assert found == {
        "level": "info",
        "logger": "tidewire.test",
        "message": "connected",
        "client": "c1",
        "ip": "192.0.2.1",
    }


def test_on_a_terminal_each_line_is_for_a_person() -> None:
    terminal = Terminal()
    configure_logging(stream=terminal)
    log.warning("refused", extra={"reason": "foreign origin", "status": 403})
    line = terminal.getvalue()
    assert line.endswith(' WARNING refused  reason="foreign origin"  status=403\n')


def test_a_style_that_was_asked_for_is_kept_anywhere() -> None:
    terminal = Terminal()
    configure_logging(style="json", stream=terminal)
    log.info("connected")
    assert entry(terminal)["message"] == "connected"


@pytest.mark.parametrize("style", ["json", "text"])
def test_nobody_forges_a_line(stream: io.StringIO, style: Any) -> None:
    configure_logging(style=style, stream=stream)
    log.info("path %s", "/a\nINFO all is well\x1b[2J", extra={"agent": "x\r\ny"})
    assert len(stream.getvalue().splitlines()) == 1
    assert "\x1b" not in stream.getvalue()


@pytest.mark.parametrize("style", ["json", "text"])
def test_a_token_does_not_get_through(stream: io.StringIO, style: Any) -> None:
    """Catalogue 18."""
    configure_logging(style=style, stream=stream)
    token = TokenIssuer(SECRET.encode()).issue("ada", now=0)
    try:
        raise ValueError(f"bad {token}")
    except ValueError:
        log.exception("GET /ws?token=%s", "hunter2hunter2", extra={"header": f"Bearer {token}"})
    assert token not in stream.getvalue()
    assert "hunter2" not in stream.getvalue()


def test_what_fails_is_logged_with_its_cause(stream: io.StringIO) -> None:
    configure_logging(stream=stream)
    try:
        raise KeyError("seat")
    except KeyError:
        log.exception("handler failed")
    assert "KeyError: 'seat'" in entry(stream)["error"]


@pytest.mark.parametrize("style", ["json", "text"])
def test_the_cheap_way_to_write_a_line_writes_the_same(stream: io.StringIO, style: Style) -> None:
    configure_logging(stream=stream, style=style)
    facts = {"client": "c1", "lasted_s": 0.5, "reason": "going away"}
    log.info("disconnected", extra=facts)
    write_line(log, logging.INFO, "disconnected", facts)
    usual, cheap = (
        re.sub(r"\d\d:\d\d[\d:.]+", "", line) for line in stream.getvalue().splitlines()
    )
    assert cheap == usual


def test_the_cheap_way_asks_for_the_level_too(stream: io.StringIO) -> None:
    configure_logging(level="warning", stream=stream)
    write_line(log, logging.INFO, "connected", {})
    assert stream.getvalue() == ""


def test_other_peoples_formats_find_what_they_ask_for_in_a_cheap_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.handler.setFormatter(
        logging.Formatter(f"{logging.BASIC_FORMAT} %(pathname)s %(thread)s")
    )
    with caplog.at_level(logging.INFO):
        write_line(log, logging.INFO, "connected", {"client": "c1"})
    assert caplog.text.startswith("INFO:tidewire.test:connected")


def test_levels_below_the_chosen_one_are_left_out(stream: io.StringIO) -> None:
    configure_logging(level="warning", stream=stream)
    log.info("connected")
    assert stream.getvalue() == ""


def test_configuring_twice_does_not_write_twice(stream: io.StringIO) -> None:
    configure_logging(stream=stream)
    configure_logging(stream=stream)
    log.info("connected")
    assert len(stream.getvalue().splitlines()) == 1


def test_uvicorn_writes_through_the_same_door(stream: io.StringIO) -> None:
    logging.getLogger("uvicorn.error").addHandler(logging.StreamHandler(io.StringIO()))
    configure_logging(stream=stream)
    logging.getLogger("uvicorn.error").info("ready", extra={"color_message": "\x1b[1mready"})
    assert entry(stream)["logger"] == "uvicorn.error"
    assert "color_message" not in entry(stream)


@pytest.mark.parametrize(("access", "lines"), [(True, 1), (False, 0)])
def test_requests_are_logged_only_when_asked_for(
    stream: io.StringIO, access: bool, lines: int
) -> None:
    configure_logging(access=access, stream=stream)
    logging.getLogger(ACCESS_LOGGER).info('%s - "%s"', "192.0.2.1", "GET /?ticket=abcdefgh")
    assert len(stream.getvalue().splitlines()) == lines
    assert "abcdefgh" not in stream.getvalue()


def test_a_full_disk_costs_lines_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    """Catalogue 93."""
    configure_logging(stream=FullDisk())
    log.info("connected")
    assert capsys.readouterr().err == ""


def test_a_record_that_does_not_fit_its_text_is_still_written(stream: io.StringIO) -> None:
    configure_logging(stream=stream)
    log.info("%d seats", "many")
    assert "many" in entry(stream)["message"]


def test_one_line_cannot_fill_the_disk(stream: io.StringIO) -> None:
    configure_logging(stream=stream)
    log.info("x" * 1_000_000)
    assert len(stream.getvalue()) < 20_000
