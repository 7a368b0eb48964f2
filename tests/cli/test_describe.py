import json

import pytest

from tests.cli.commands import Shell

GAME = """
import tidewire

app = tidewire.App()
not_an_app = object()

class Move(tidewire.Message, type="move"):
    x: int

@app.on(Move)
async def move(client, move): ...

def make():
    return app
"""


@pytest.fixture
def game(shell: Shell) -> Shell:
    shell.write("game_to_describe.py", GAME)
    return shell


def test_the_types_of_an_application_are_printed(game: Shell) -> None:
    result = game.run("types", "game_to_describe:app")
    assert (result.code, result.err) == (0, "")
    assert 'export type Move = { type: "move"; x: number };' in result.out


def test_the_asyncapi_document_of_an_application_is_printed(game: Shell) -> None:
    document = game.run("asyncapi", "game_to_describe:make", "--factory").json()
    assert (document["asyncapi"], document["info"]["title"]) == ("3.0.0", "game_to_describe:make")
    titled = game.run("asyncapi", "game_to_describe:app", "--title", "A game").json()
    assert titled["info"]["title"] == "A game"


@pytest.mark.parametrize("command", ["types", "asyncapi"])
def test_what_is_printed_can_be_written_to_a_file(game: Shell, command: str) -> None:
    path = game.directory / "written"
    printed = game.run(command, "game_to_describe:app").out
    assert game.run(command, "game_to_describe:app", "--output", str(path)).out == ""
    assert path.read_text() == printed


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "say which application"),
        (("game_to_describe:not_an_app",), "is no tidewire.App"),
        (("game_to_describe:app", "--output", "nowhere/at/all"), "cannot be written"),
    ],
)
def test_what_cannot_be_described_is_said_in_a_sentence(
    game: Shell, arguments: tuple[str, ...], sentence: str
) -> None:
    result = game.run("types", *arguments)
    assert result.code == 2
    assert sentence in result.err


def test_the_document_is_json_all_the_way(game: Shell) -> None:
    assert json.loads(game.run("asyncapi", "game_to_describe:app").out)["channels"]["connection"]
