"""A real browser's own EventSource: it comes back by itself, and what it says then is enough."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.support.background import BackgroundProxy, proxy_to
from tests.support.browser import chromium, open_page
from tests.support.processes import ServerProcess
from tests.support.wire import RawConnection

CONFIG = """
[auth]
anonymous = true
[[channels]]
pattern = "room:{name}"
"""

LISTEN = """() => {
  window.seen = { data: [], gaps: [], opened: 0 };
  window.source = new EventSource("/sse?channel=room:a&channel=room:b");
  source.onopen = () => { seen.opened += 1; };
  source.onmessage = (event) => seen.data.push(JSON.parse(event.data).data);
  source.addEventListener("gap", (event) => seen.gaps.push(JSON.parse(event.data).channel));
  return new Promise((done) => source.addEventListener("subscribed", (event) => {
    if (JSON.parse(event.data).channel === "room:b") done();
  }));
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def server() -> Iterator[ServerProcess]:
    with ServerProcess(CONFIG) as running:
        yield running


@pytest.fixture
def network(server: ServerProcess) -> Iterator[BackgroundProxy]:
    with proxy_to(server.port) as proxy:
        yield proxy


@pytest.fixture
def page(browser: Browser, network: BackgroundProxy) -> Iterator[Page]:
    page = open_page(browser)
    page.goto(f"http://127.0.0.1:{network.port}/healthz")
    page.evaluate(LISTEN)
    yield page
    page.context.close()


def _publish(speaker: RawConnection, channel: str, *numbers: int) -> None:
    for number in numbers:
        speaker.ask_json({"type": "publish", "channel": channel, "data": number})


def _wait(page: Page, condition: str, wanted: object) -> Any:
    page.wait_for_function(f"(wanted) => {condition}", arg=wanted)
    return page.evaluate("seen")


def _wait_for(page: Page, number: int) -> Any:
    return _wait(page, "seen.data.includes(wanted)", number)


def test_a_browser_that_was_cut_off_has_everything_once_and_in_order(
    page: Page, network: BackgroundProxy, server: ServerProcess
) -> None:
    with server.join() as speaker:
        for channel in ("room:a", "room:b"):  # neither is freed while the browser is away
            speaker.ask_json({"type": "subscribe", "channel": channel})
        _publish(speaker, "room:a", 1, 2)
        _publish(speaker, "room:b", 3)
        _wait_for(page, 3)
        network.cut_off()
        _publish(speaker, "room:a", 4)
        _publish(speaker, "room:b", 5)
        network.restore()
        _wait_for(page, 5)
        _publish(speaker, "room:a", 6)
        seen = _wait_for(page, 6)
    assert network.do(lambda proxy: proxy.connections_cut) > 0
    assert seen == {"data": [1, 2, 3, 4, 5, 6], "gaps": [], "opened": 2}


def test_a_server_that_started_again_with_an_empty_memory_is_a_gap_that_is_told(
    page: Page, server: ServerProcess
) -> None:
    with server.join() as speaker:
        _publish(speaker, "room:a", 1)
        _wait_for(page, 1)
    server.kill()
    server.start()
    _wait(page, "seen.gaps.length === wanted", 2)
    with server.join() as speaker:
        _publish(speaker, "room:a", 2)
        seen = _wait_for(page, 2)
    assert seen == {"data": [1, 2], "gaps": ["room:a", "room:b"], "opened": 2}


def test_a_server_that_leaves_in_good_order_is_come_back_to(
    page: Page, server: ServerProcess
) -> None:
    """Catalogue 91."""
    server.terminate()
    assert server.wait() == 0
    server.start()
    assert _wait(page, "seen.opened === wanted", 2)["gaps"] is not None
