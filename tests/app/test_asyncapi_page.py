"""The page that shows an AsyncAPI document."""

from __future__ import annotations

import re
from typing import Annotated, Any

from msgspec import Meta, Struct

from tidewire.app.asyncapi import asyncapi
from tidewire.app.asyncapi_page import asyncapi_page
from tidewire.app.client import Client
from tidewire.app.core import App
from tidewire.app.message import Message


class Author(Struct):
    name: str


class Say(Message, type="say"):
    """Said `aloud`."""

    text: Annotated[str, Meta(max_length=500)]
    author: Author | None = None
    likes: list[Author] = []  # noqa: RUF012 (msgspec copies it)


class Bell(Message, type="bell"):
    pass


def _page(app: App) -> str:
    document = asyncapi(app.registry, title="Rooms & <more>")
    return asyncapi_page(document, json_path="asyncapi.json")


def _text(page: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", page.partition("<body>")[2]).split())


def test_every_kind_of_declaration_has_its_section() -> None:
    app = App()
    app.channel("chat:{room}", Say, Bell)
    app.channel("anything")
    app.on(Say)(lambda client, message: None)
    app.sends(Bell)

    @app.call("score")
    def score(client: Client, player: str) -> dict[str, Any]:
        """How good somebody is."""
        raise NotImplementedError

    text = _text(_page(app))
    for expected in (
        "Rooms &amp; &lt;more&gt;",
        "Messages a client sends say Said aloud .",
        "text string, characters at most 500",
        "author optional Author or null, else null",
        "likes optional array of Author , else []",
        "Messages the server sends bell",
        "Calls score call How good somebody is.",
        "Answer: object",
        "Channels chat:{room} entries",
        "anything entries anything",
        "Types Say",
    ):
        assert expected in text, text


def test_links_to_a_type_lead_to_it() -> None:
    app = App()
    app.on(Say)(lambda client, message: None)
    page = _page(app)
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(re.findall(r'id="([^"]+)"', page))


def test_a_page_of_nothing_says_so() -> None:
    assert "declares no messages" in _page(App())
