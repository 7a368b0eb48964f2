"""The application's AsyncAPI document, and the page that shows it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx
import pytest
from msgspec import Struct
from msgspec.structs import replace

from tests.support.browser import chromium, open_page
from tidewire import App, Client, Message
from tidewire.config import Api
from tidewire.testing.blocking import BlockingServer, running
from tidewire.testing.server import for_tests


class Chat(Struct):
    """What `somebody` says: <b>anything</b>."""

    text: str


class Move(Message, type="move"):
    x: int
    from_above: bool = False


def _app() -> App:
    app = App()
    app.channel("chat:{room}", Chat)
    app.on(Move)(lambda client, message: None)

    @app.call("score")
    def score(client: Client, player: str) -> int:
        """How good somebody is."""
        raise NotImplementedError

    return app


@pytest.fixture(scope="module")
def server() -> Iterator[BlockingServer]:
    with running(_app()) as found:
        yield found


def test_the_document_is_served_as_json(server: BlockingServer) -> None:
    answer = httpx.get(f"{server.url}/asyncapi.json")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["asyncapi"] == "3.0.0"


def test_the_page_runs_and_loads_nothing_from_anywhere(server: BlockingServer) -> None:
    answer = httpx.get(f"{server.url}/asyncapi")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "<script" not in answer.text
    assert "http" not in answer.text.replace(server.url, "")


def test_what_the_application_says_is_text_on_the_page(server: BlockingServer) -> None:
    """Catalogue 62."""
    text = httpx.get(f"{server.url}/asyncapi").text
    assert "&lt;b&gt;anything&lt;/b&gt;" in text
    assert "<b>" not in text


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (360, 640)])
def test_the_page_is_read_with_the_keyboard_on_any_screen(
    server: BlockingServer, width: int, height: int
) -> None:
    with chromium() as browser:
        page = open_page(browser)
        page.set_viewport_size({"width": width, "height": height})
        page.goto(f"{server.url}/asyncapi")
        page.locator("summary", has_text="move").first.focus()
        page.keyboard.press("Enter")
        page.get_by_role("row", name="fromAbove optional").wait_for()
        wider = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wider <= 0


def test_an_application_that_declares_nothing_keeps_these_paths(
    tidewire_serve: Callable[..., BlockingServer],
) -> None:
    server = tidewire_serve(App())
    assert httpx.get(f"{server.url}/asyncapi.json").status_code == 404


def test_whoever_wants_nothing_described_says_so(
    tidewire_serve: Callable[..., BlockingServer],
) -> None:
    settings = replace(for_tests(None), api=Api(asyncapi=False))
    server = tidewire_serve(_app(), settings)
    assert httpx.get(f"{server.url}/asyncapi").status_code == 404
