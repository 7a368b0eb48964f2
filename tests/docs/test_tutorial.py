"""The tutorial's code is run as it stands there, up to its last step."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.browser import chromium, open_page
from tests.support.processes import ServerProcess
from tests.support.wire import RawConnection

TUTORIAL = (Path(__file__).parents[2] / "docs/tutorial/first-chat.md").read_text("utf-8")
BLOCK = re.compile(r"^```\w+\n(?:# |<!-- )([\w.]+)(?: -->)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILES = dict(BLOCK.findall(TUTORIAL))
"""The last version of each file the tutorial has one write."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text.replace('"page.html"', f'"{tmp_path / "page.html"}"'))
    with ServerProcess(flags=("--app-dir", str(tmp_path), "chat:app")) as running:
        yield running


def _announce(server: ServerProcess, text: str) -> bytes:
    body = text.encode()
    head = f"POST /announce HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
    with RawConnection(server.port) as connection:
        return connection.ask(head.encode() + body).body


def test_the_finished_chat_shows_everybody_what_python_publishes(server: ServerProcess) -> None:
    address = f"http://127.0.0.1:{server.port}/?name="
    with chromium() as browser:
        ada, ben = open_page(browser), open_page(browser)
        ada.goto(address + "ada")
        ada.get_by_text("You are ada.").wait_for()
        ben.goto(address + "ben")
        ada.get_by_text("ben is here.").wait_for()
        ben.locator("input").fill("<b>hello</b>")
        ben.locator("input").press("Enter")
        ada.get_by_text("ben: <b>hello</b>").wait_for()
        assert _announce(server, "Dinner is ready") == b"published as number 2\n"
        ada.get_by_text("Dinner is ready").wait_for()
        ben.get_by_text("Dinner is ready").wait_for()


def test_the_finished_chat_refuses_whoever_has_no_name(server: ServerProcess) -> None:
    answer = server.get("/ws")
    assert (answer.status, answer.body) == (401, b'{"code":"unauthorized"}')
