"""The founding document's two clients, as they are written, in real Chromium.

Both name ``localhost:8080``. The browser is told that this means our server's port, so
nothing in the code is changed, and the page's Origin is the one a newcomer has.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.support.browser import chromium, open_page
from tests.support.processes import ServerProcess

SEED = Path(__file__).parent / "seed"
ADDRESS = "http://localhost:8080/document"
LOCAL_PAGE = "--disable-features=LocalNetworkAccessChecks"
"""The page below comes from no address, so Chromium would not believe that it is a local one."""

RECORD = "window.told = []; const tell = (kind, value) => told.push({ kind, value });"

SNIPPET = f"""
    {RECORD}
    const displayChatMessage = (message) => tell("displayed", message);
    const connectWebSocket = () => tell("reconnect");
    {(SEED / "browser-client.js").read_text(encoding="utf-8")}
"""

CLASS = f"""
    {RECORD}
    {(SEED / "reconnecting-websocket.js").read_text(encoding="utf-8")}
    const client = new ReconnectingWebSocket("ws://localhost:8080");
    client.onMessage = (message) => tell(message.type, message);
"""


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    with ServerProcess(command="demo") as running:
        yield running


@pytest.fixture(scope="module")
def browser(server: ServerProcess) -> Iterator[Browser]:
    our_port = f"--host-resolver-rules=MAP localhost:8080 127.0.0.1:{server.port}"
    with chromium(our_port, LOCAL_PAGE) as running:
        yield running


def page_with(script: str, browser: Browser) -> Page:
    """A page of the server's origin that holds ``script`` and nothing else."""
    page = open_page(browser)
    html = f"<!doctype html><title>The document</title><script>{script}</script>"
    page.route(ADDRESS, lambda route: route.fulfill(body=html, content_type="text/html"))
    page.goto(ADDRESS)
    return page


def wait_until_told(page: Page, kind: str, text: str | None = None) -> None:
    """Until the script has told us of ``kind``, about ``text`` if given."""
    page.wait_for_function(
        """([kind, text]) => told.some((it) =>
            it.kind === kind && (text === null || it.value.text === text))""",
        arg=[kind, text],
    )


def test_the_snippet_shows_its_own_hello_in_chromium(browser: Browser) -> None:
    wait_until_told(page_with(SNIPPET, browser), "displayed", "Hello, world!")


def test_two_pages_with_the_snippet_see_each_others_hello(browser: Browser) -> None:
    first = page_with(SNIPPET, browser)
    wait_until_told(first, "displayed")
    page_with(SNIPPET, browser)
    first.wait_for_function("new Set(told.map((it) => it.value.from)).size === 2")


def test_the_class_talks_to_our_server_in_chromium(browser: Browser) -> None:
    page = page_with(CLASS, browser)
    wait_until_told(page, "connected")
    message = json.dumps({"type": "chat", "text": "from the class"})
    page.evaluate(f"client.send({message})")
    wait_until_told(page, "chat", "from the class")


def test_the_class_comes_back_to_a_restarted_server_in_chromium(
    browser: Browser, server: ServerProcess
) -> None:
    page = page_with(CLASS, browser)
    wait_until_told(page, "connected")
    server.kill()
    server.start()
    page.wait_for_function("told.filter((it) => it.kind === 'connected').length === 2")
