"""A page in a real browser that uses the browser client, under a policy that allows nothing else.

The page is the test's own; the script it imports and the server it talks to are real.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from operator import itemgetter
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, Route

from tests.support.browser import chromium, open_page
from tidewire.testing.history import Operation, from_lines

SCRIPT = Path(__file__).with_name("clientpage.js")
HTML = '<!doctype html><title>client</title><script type="module" src="/page.js"></script>'
POLICY = "default-src 'none'; script-src 'self'; connect-src 'self'"

ROOM = "room:1"

FLAGS = ("--disable-features=LocalNetworkAccessChecks",)
"""A page that a test has made up has no address; Chromium would not let it ask this machine."""


class ClientPage:
    """One tab: what it is told to do, and what it has seen."""

    def __init__(self, page: Page, port: int) -> None:
        self.page = page
        self.faults: list[str] = []
        page.on("pageerror", lambda fault: self.faults.append(str(fault)))
        page.route("**/page", _answer_page)
        page.route("**/page.js", lambda route: route.fulfill(path=SCRIPT))
        page.goto(f"http://127.0.0.1:{port}/page")
        self.wait_for("window.tidewire !== undefined")

    def start(self, name: str, room: str = ROOM, **options: object) -> None:
        """Connect as ``name``; ``options`` are the client's."""
        given = f"{json.dumps(name)}, {json.dumps(room)}, {json.dumps(options)}"
        self.page.evaluate(f"tidewire.start({given})")

    def publish(self, count: int = 1) -> None:
        """Publish so many numbered messages, without waiting for what becomes of them."""
        self.page.evaluate(
            "(count) => { for (let i = 0; i < count; i += 1) void tidewire.publishNext(); }", count
        )

    def wake(self) -> None:
        """The network is said to be back: the page need not wait any longer."""
        self.page.evaluate("dispatchEvent(new Event('online'))")

    @property
    def state(self) -> dict[str, Any]:
        state: dict[str, Any] = self.page.evaluate("tidewire.state")
        return state

    def states(self) -> list[str]:
        """The kinds of all states so far."""
        return [state["kind"] for state in self.page.evaluate("tidewire.states")]

    def history(self) -> list[dict[str, Any]]:
        """Operations, each with the time (``at``) by the machine's clock."""
        history: list[dict[str, Any]] = self.page.evaluate("tidewire.history")
        return history

    def count(self, op: str) -> int:
        return sum(each["op"] == op for each in self.page.evaluate("tidewire.history"))

    # -- waiting -------------------------------------------------------------------------------

    def wait_for_state(self, kind: str) -> None:
        self.wait_for("tidewire.state.kind === wanted", kind)

    def wait_until_seen(self, count: int) -> None:
        """Until so many entries have been received."""
        self.wait_for(
            "tidewire.history.filter((it) => it.op === 'received').length >= wanted", count
        )

    def wait_until_settled(self, count: int) -> None:
        """Until it is known what became of so many of its own messages."""
        ends = "['ok', 'fail', 'unknown'].includes(it.op)"
        self.wait_for(f"tidewire.history.filter((it) => {ends}).length >= wanted", count)

    def wait_for(self, condition: str, wanted: object = None) -> None:
        self.page.wait_for_function(f"(wanted) => {condition}", arg=wanted)


@contextmanager
def browser_for_clients() -> Iterator[Browser]:
    with chromium(*FLAGS) as browser:
        yield browser


def open_client_page(browser: Browser, port: int) -> ClientPage:
    return ClientPage(open_page(browser), port)


def merged(*pages: ClientPage) -> list[Operation]:
    """What all of them did and saw, in the order in which it happened."""
    operations = [each for page in pages for each in page.history()]
    return from_lines(map(json.dumps, sorted(operations, key=itemgetter("at"))))


def _answer_page(route: Route) -> None:
    headers = {"content-security-policy": POLICY}
    route.fulfill(body=HTML, content_type="text/html", headers=headers)
