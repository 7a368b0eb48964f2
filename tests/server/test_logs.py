import asyncio
import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.asynchronous import eventually
from tests.support.tokens import SECRET
from tidewire.security.tokens import TokenIssuer
from tidewire.server.logs import (
    ACCESS_LOGGER,
    UVICORN_LOGGERS,
    WRITE_WITHIN_S,
    configure_logging,
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


# -- lines for programs are written together -----------------------------------------------------


async def _log_in_a_loop(stream: io.StringIO, *texts: str) -> None:
    configure_logging(stream=stream)
    for text in texts:
        log.info(text)


def messages(stream: io.StringIO) -> list[str]:
    return [json.loads(line)["message"] for line in stream.getvalue().splitlines()]


def test_a_loop_writes_lines_together_and_in_order(stream: io.StringIO) -> None:
    async def main() -> None:
        await _log_in_a_loop(stream, "one", "two", "three")
        assert stream.getvalue() == ""
        await eventually(lambda: stream.getvalue() != "", "the lines are written")
        assert messages(stream) == ["one", "two", "three"]

    asyncio.run(main())


def test_a_warning_is_written_at_once_after_what_came_before(stream: io.StringIO) -> None:
    async def main() -> None:
        await _log_in_a_loop(stream, "connected")
        log.warning("refused")
        assert messages(stream) == ["connected", "refused"]

    asyncio.run(main())


def test_on_a_terminal_nobody_waits_for_a_line() -> None:
    async def main() -> None:
        terminal = Terminal()
        await _log_in_a_loop(terminal, "connected")
        assert "connected" in terminal.getvalue()

    asyncio.run(main())


def test_another_thread_writes_at_once_and_in_order(stream: io.StringIO) -> None:
    async def main() -> None:
        await _log_in_a_loop(stream, "from the loop")
        await asyncio.to_thread(log.info, "from a thread")
        assert messages(stream) == ["from the loop", "from a thread"]

    asyncio.run(main())


def test_lines_of_many_threads_and_a_loop_are_all_written(stream: io.StringIO) -> None:
    async def main() -> None:
        configure_logging(stream=stream)
        work = [asyncio.to_thread(log.info, "thread %d", number) for number in range(50)]
        pending = asyncio.gather(*work)
        for number in range(50):
            log.info("loop %d", number)
            await asyncio.sleep(0)
        await pending

    asyncio.run(main())
    log.info("end")
    assert len(messages(stream)) == 101


def test_what_is_collected_has_a_bound(stream: io.StringIO) -> None:
    async def main() -> None:
        await _log_in_a_loop(stream, *["x" * 10_000] * 7)
        assert len(messages(stream)) == 7

    asyncio.run(main())


def test_a_loop_that_ended_early_leaves_its_lines_to_the_next(stream: io.StringIO) -> None:
    asyncio.run(_log_in_a_loop(stream, "first loop"))

    async def main() -> None:
        log.info("second loop")
        await eventually(lambda: stream.getvalue() != "", "the lines are written")

    asyncio.run(main())
    assert messages(stream) == ["first loop", "second loop"]


def test_configuring_again_loses_no_line(stream: io.StringIO) -> None:
    async def main() -> None:
        await _log_in_a_loop(stream, "connected")
        configure_logging(stream=io.StringIO())
        assert messages(stream) == ["connected"]

    asyncio.run(main())


def test_a_full_disk_costs_a_loop_lines_and_nothing_else() -> None:
    """Catalogue 93."""

    async def main() -> None:
        complaints: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, what: complaints.append(what))
        await _log_in_a_loop(FullDisk(), "connected")
        log.warning("refused")
        log.info("connected")
        await asyncio.sleep(2 * WRITE_WITHIN_S)
        assert complaints == []

    asyncio.run(main())


LOGS_AND_ENDS = """
import asyncio, logging
from tidewire.server.logs import configure_logging

async def main():
    for number in range(100):
        logging.info("line %d", number)

configure_logging()
asyncio.run(main())
"""


def test_nothing_is_lost_at_exit() -> None:
    ended = subprocess.run([sys.executable, "-c", LOGS_AND_ENDS], capture_output=True, check=True)
    found = [json.loads(line)["message"] for line in ended.stderr.splitlines()]
    assert found == [f"line {number}" for number in range(100)]


def test_a_reader_who_has_gone_is_no_reason_to_fail() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as pipe:
        ended = subprocess.run([sys.executable, "-c", LOGS_AND_ENDS], stderr=pipe, check=False)
    assert ended.returncode == 0
