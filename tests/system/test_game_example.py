"""The game of examples/game, played."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from examples.game import main
from tests.support.browser import chromium, open_page
from tidewire.config import Settings
from tidewire.testing.blocking import BlockingClient, BlockingServer, running

JOIN = {"type": "call", "method": "join", "data": {"room": "1"}}


@pytest.fixture
def game() -> Iterator[BlockingServer]:
    main.scores.clear()
    with running(main.app, Settings()) as server:
        yield server


def _player(game: BlockingServer, name: str) -> BlockingClient:
    player = game.connect(name)
    player.request(JOIN)
    return player


def test_everybody_else_sees_a_move_and_who_comes_later_where_all_are(game: BlockingServer) -> None:
    ada, ben = _player(game, "ada"), _player(game, "ben")
    assert ada.request({"type": "move", "x": 3, "y": 4})["type"] == "result"
    told = ben.expect("message", key="ada")
    assert told["data"] == {"type": "move", "x": 3, "y": 4}
    assert ada.expect("skipped")["reason"] == "excluded"
    late = game.connect("cleo")
    late.send({**JOIN, "id": 1})
    places = {each["key"]: each["data"] for each in late.expect("subscribed")["messages"]}
    assert places["ada"] == told["data"]


def test_who_has_left_is_nowhere_any_more(game: BlockingServer) -> None:
    ada, ben = _player(game, "ada"), _player(game, "ben")
    ada.request({"type": "move", "x": 3, "y": 4})
    ada.close()
    ben.expect("message", key="ada", op="remove")
    late = game.connect("cleo")
    late.send({**JOIN, "id": 1})
    assert "ada" not in {each["key"] for each in late.expect("subscribed")["messages"]}


def test_who_steps_on_the_coin_scores_and_the_coin_moves(game: BlockingServer) -> None:
    ada = _player(game, "ada")
    coin = ada.expect("message", key="coin")["data"]
    ada.send({"type": "move", "x": coin["x"], "y": coin["y"]})
    assert ada.expect("scored") == {"type": "scored", "score": 1}
    call = {"type": "call", "method": "score", "data": ["ada"]}
    assert ada.request(call)["data"] == 1
    ada.expect("message", key="coin")


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ({"type": "move", "x": 20, "y": 0}, "malformed"),
        ({"type": "move", "x": 1, "y": 1}, "forbidden"),
        ({"type": "subscribe", "channel": "game:1"}, "forbidden"),
    ],
)
def test_who_leaves_the_field_or_has_not_joined_is_refused(
    game: BlockingServer, message: dict[str, object], code: str
) -> None:
    assert game.connect("ada").request(message)["code"] == code


def test_two_people_play_it_in_their_browsers(game: BlockingServer) -> None:
    with chromium() as browser:
        ada, ben = open_page(browser), open_page(browser)
        for page, name in ((ada, "ada"), (ben, "ben")):
            page.goto(f"{game.url}/?name={name}")
            page.get_by_text("◉").wait_for()
        ada.keyboard.press("ArrowRight")
        ben.get_by_text("○ ada").wait_for()
        ben.locator("#field").click(position={"x": 5, "y": 5})
        ada.get_by_text("○ ben").wait_for()
        ben.close()
        ada.get_by_text("○ ben").wait_for(state="detached")
