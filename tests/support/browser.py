"""A real browser for a test: headless Chromium, and the demo's page as a person sees it.

``Tab`` speaks of what is on the screen; no test needs to know an element's id.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

from playwright.sync_api import Browser, Page, sync_playwright

FLAGS = (
    "--no-sandbox",  # tests may run as root, where Chromium has no sandbox
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

DEADLINE_MS = 60_000
"""For one thing to appear. Far more than a busy machine needs: reaching it means it never does."""

DESKTOP = {"width": 1180, "height": 760}


@contextmanager
def chromium(*flags: str) -> Iterator[Browser]:
    """Chromium, from entering to leaving. Inside, no other event loop can run on this thread."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=_executable(), args=[*FLAGS, *flags], timeout=DEADLINE_MS
        )
        try:
            yield browser
        finally:
            browser.close()


def _executable() -> str:
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next(filter(None, map(shutil.which, names)), None)
    assert found is not None, "Please install chromium (Debian: chromium) to run this test."
    return found


def open_page(browser: Browser, **context: Any) -> Page:
    """A page of its own: no cookie, no storage, nothing remembered."""
    page = browser.new_context(**{"viewport": DESKTOP, **context}).new_page()
    page.set_default_timeout(DEADLINE_MS)
    return page


class Tab:
    """The demo's page in a tab, under a name."""

    def __init__(self, page: Page, port: int, name: str | None = None) -> None:
        self.page = page
        self.requests: list[str] = []
        self.faults: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("websocket", lambda socket: self.requests.append(socket.url))
        page.on("pageerror", lambda fault: self.faults.append(str(fault)))
        page.goto(f"http://127.0.0.1:{port}/" + (f"?name={quote(name)}" if name else ""))
        if name:
            self.wait_for_state("Connected")

    # -- what is on the screen -----------------------------------------------------------------

    @property
    def state(self) -> str:
        return self.page.inner_text("#state")

    def messages(self) -> list[tuple[str, str]]:
        """Who said what, as shown, from the top."""
        lines = self.page.query_selector_all("#entries .message")
        return [(_text_in(line, ".from b"), _text_in(line, ".text")) for line in lines]

    def notices(self) -> list[str]:
        return [line.inner_text() for line in self.page.query_selector_all("#entries .notice")]

    def people(self) -> list[str]:
        """Who is here, you first."""
        return [each.inner_text() for each in self.page.query_selector_all("#people .name")]

    def unsent(self) -> list[str]:
        return [each.inner_text() for each in self.page.query_selector_all("#letters .text")]

    # -- waiting for it ------------------------------------------------------------------------

    def wait_for_state(self, state: str) -> None:
        self.wait_for("document.querySelector('#state').textContent === wanted", state)

    def wait_for_message(self, text: str) -> None:
        self._wait_for_text("#entries .text", text)

    def wait_for_notice(self, text: str) -> None:
        """Until a line between the messages contains ``text``."""
        self._wait_for_text("#entries .notice", text)

    def wait_for_people(self, *names: str) -> None:
        shown = "[...document.querySelectorAll('#people .name')].map((it) => it.textContent)"
        self.wait_for(f"JSON.stringify({shown}.sort()) === JSON.stringify(wanted)", sorted(names))

    def wait_for(self, condition: str, wanted: object = None) -> None:
        """Until the JavaScript ``condition`` about ``wanted`` holds."""
        self.page.wait_for_function(f"(wanted) => {condition}", arg=wanted)

    def _wait_for_text(self, selector: str, text: str) -> None:
        shown = f"[...document.querySelectorAll('{selector}')]"
        self.wait_for(f"{shown}.some((it) => it.textContent.includes(wanted))", text)

    # -- what a person does --------------------------------------------------------------------

    def write(self, text: str) -> None:
        """Type and press Enter."""
        self.page.fill("#text", text)
        self.page.press("#text", "Enter")

    def say(self, text: str) -> None:
        """Write, and wait until it is in the channel."""
        self.write(text)
        self.wait_for_message(text)

    def try_now(self) -> None:
        self.page.click("#try-now")


def _text_in(line: Any, selector: str) -> str:
    return str(line.query_selector(selector).text_content())
