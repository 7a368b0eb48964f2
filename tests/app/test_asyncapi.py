"""The AsyncAPI document of an application, checked with the official schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator  # type: ignore[import-untyped]
from msgspec import Struct

from tidewire.app.asyncapi import asyncapi
from tidewire.app.client import Client
from tidewire.app.core import App
from tidewire.app.message import Message

SPECS = Path(__file__).parents[1] / "javascript/node_modules/@asyncapi/specs/schemas"
OFFICIAL = json.loads((SPECS / "3.0.0.json").read_text())


class Chat(Struct):
    text: str
    replies: list[int] = []


class Move(Message, type="game.move"):
    x: int


class Moved(Message, type="moved"):
    x: int


def _app() -> App:
    app = App()
    app.channel("chat:{room}", Chat)
    app.channel("game:{id}", Move, Moved)
    app.channel("*")
    app.on(Move)(lambda client, message: None)
    app.sends(Moved)

    @app.call("score")
    def score(client: Client, player: str, last_games: int = 3) -> float:
        """How good somebody is."""
        raise NotImplementedError

    return app


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return asyncapi(_app().registry, title="A game")


@pytest.mark.parametrize("app", [_app(), App()], ids=["everything", "nothing"])
def test_the_document_is_what_asyncapi_says_it_is(app: App) -> None:
    written = json.loads(json.dumps(asyncapi(app.registry, title="A game")))
    errors = [error.message for error in Draft7Validator(OFFICIAL).iter_errors(written)]
    assert errors == []


def test_the_official_schema_finds_what_is_wrong() -> None:
    wrong = asyncapi(_app().registry, title="A game") | {"operations": {"x": {"action": "shout"}}}
    assert list(Draft7Validator(OFFICIAL).iter_errors(wrong))


def test_every_reference_in_it_leads_somewhere(document: dict[str, Any]) -> None:
    references = list(_references(document))
    assert references
    for reference in references:
        found: Any = document
        for part in reference.removeprefix("#/").split("/"):
            assert part in found, reference
            found = found[part]


def test_a_call_is_an_operation_with_its_reply_and_its_text(document: dict[str, Any]) -> None:
    call = document["operations"]["call_score"]
    assert (call["action"], call["description"]) == ("receive", "How good somebody is.")
    assert call["reply"]["messages"] == [
        {"$ref": "#/channels/connection/messages/call_score_result"}
    ]
    asked = document["components"]["messages"]["call_score"]["payload"]["properties"]["data"]
    assert asked["required"] == ["player"]
    assert asked["properties"]["lastGames"] == {"type": "integer", "default": 3}


def test_a_channel_has_its_pattern_for_an_address_and_both_directions(
    document: dict[str, Any],
) -> None:
    channel = document["channels"]["channel_chat_room"]
    assert (channel["address"], list(channel["parameters"])) == ("chat:{room}", ["room"])
    operations = document["operations"]
    assert operations["channel_chat_room_publish"]["action"] == "receive"
    assert operations["channel_chat_room_deliver"]["action"] == "send"


def _references(part: Any) -> Any:
    if isinstance(part, dict):
        if "$ref" in part:
            yield part["$ref"]
        for each in part.values():
            yield from _references(each)
    elif isinstance(part, list):
        for each in part:
            yield from _references(each)
