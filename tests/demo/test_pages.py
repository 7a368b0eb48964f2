"""The demo's pages: complete, from this host alone, and harmless if somebody else frames them."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from httpx import ASGITransport, AsyncClient, Response

from tests.support.asynchronous import run
from tidewire.demo.pages import STATIC, create_pages

MARKUP = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write")


def get(path: str) -> Response:
    return run(_get(path))


async def _get(path: str) -> Response:
    transport = ASGITransport(create_pages())
    async with AsyncClient(transport=transport, base_url="http://localhost") as client:
        return await client.get(path)


class Links(HTMLParser):
    """Everything a page loads, and every script or style written into it."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.inline: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        loaded = given.get("src") or (given.get("href") if tag == "link" else None)
        if loaded:
            self.loaded.append(loaded)
        elif tag in {"script", "style"} or any(name == "style" for name in given):
            self.inline.append(tag)


def test_everything_the_page_loads_is_served_beside_it() -> None:
    links = Links()
    links.feed(get("/").text)
    assert links.loaded
    for address in links.loaded:
        assert get(address).status_code == 200, address


def test_the_page_holds_no_inline_script_or_style() -> None:
    links = Links()
    links.feed(get("/").text)
    assert links.inline == []


@pytest.mark.parametrize("path", ["/", "/static/chat.js", "/static/nowhere.js", "/nowhere"])
def test_every_answer_carries_the_security_headers(path: str) -> None:
    headers = get(path).headers
    assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'")
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


def test_modules_are_served_as_javascript_or_browsers_refuse_them() -> None:
    assert get("/static/chat.js").headers["content-type"].startswith("text/javascript")


def test_nothing_outside_the_static_folder_is_served() -> None:
    assert get("/static/%2e%2e/pages.py").status_code == 404


def test_no_file_names_another_host() -> None:
    addresses = re.compile(r"https?://(?!www\.w3\.org/2000/svg)")  # a name space, never fetched
    for file in STATIC.iterdir():
        assert not addresses.search(file.read_text(encoding="utf-8")), file.name


def test_text_from_others_never_becomes_markup() -> None:
    """Catalogue 62."""
    for file in STATIC.glob("*.js"):
        assert not MARKUP.search(file.read_text(encoding="utf-8")), file.name
