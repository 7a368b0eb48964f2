"""The types an application is given in TypeScript, as the compiler sees them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from msgspec import Meta, Struct

from tidewire.app.client import Client
from tidewire.app.core import App
from tidewire.app.message import Message
from tidewire.app.typescript import typescript

COMPILER = Path(__file__).parents[1] / "javascript/node_modules/typescript/bin/tsc"


class Author(Struct, tag="a", tag_field="type"):
    id: int
    name: str
    age: int | None = None


class Chat(Struct):
    """What somebody says; never */ more than that."""

    text: Annotated[str, Meta(max_length=500)]
    author: Author
    mood: Literal["happy", "sad"] = "happy"


class Move(Message, type="move"):
    x: int
    from_above: bool = False


class Moved(Message, type="moved"):
    by: str


def _app() -> App:
    app = App()
    app.channel("chat:{room}", Chat)
    app.channel("news")
    app.channel("game:{id}:moves", Move, Moved)
    app.channel("{kind}:{id}", int)
    app.channel("chat:late", str)
    app.on(Move)(lambda client, message: None)
    app.sends(Moved)

    @app.call("score")
    def score(client: Client, player: str, last_games: int = 3) -> dict[str, list[float]]:
        """How good somebody is."""
        raise NotImplementedError

    @app.call("odd-name")
    def odd(client: Client, what: Any, pair: tuple[int, str]) -> None:
        raise NotImplementedError

    return app


RIGHT = """
import type { Calls, Channels, ClientMessages, ServerMessages } from "./types";

const me: Channels["chat:42"]["author"] = { type: "a", id: 1, name: "ann", age: null };
const chat: Channels["chat:42"] = { text: "hi", author: me };
const text: string = chat.text;
const move: ClientMessages["move"] = { type: "move", x: 3 };
const entry: Channels["game:7:moves"] = move;
const by: string = ({ type: "moved", by: "ann" } satisfies ServerMessages["moved"]).by;
const asked: Calls["score"]["parameters"] = { player: "ann" };
const told: Calls["score"]["result"] = { ann: [1, 2.5] };
const odd: Calls["odd-name"]["parameters"] = { what: [text, by], pair: [1, "a"] };
const nothing: Calls["odd-name"]["result"] = null;
function show<Name extends keyof Channels>(name: Name, data: Channels[Name]): void {}
show("chat:7", chat);
show("news", { anything: 1 });
show("other:1", 3);
export { asked, told, odd, nothing, entry };
"""

WRONG = [
    'const chat: Channels["chat:42"] = { text: 3, author: me };',
    'const chat: Channels["chat:42"] = { text: "hi" };',
    'const chat: Channels["chat:42"] = { text: "", author: me, mood: "angry" };',
    'const nowhere: Channels["nowhere"] = 1;',
    'const move: ClientMessages["move"] = { type: "jump", x: 3 };',
    'const asked: Calls["score"]["parameters"] = { lastGames: 3 };',
    'const unknown: Calls["scores"]["result"] = {};',
]


def _compile(folder: Path, program: str) -> subprocess.CompletedProcess[str]:
    (folder / "types.ts").write_text(typescript(_app().registry, source="shop:app"))
    (folder / "program.ts").write_text(program)
    node = shutil.which("node")
    assert node is not None, "Please install Node 20 or newer"
    command = [node, str(COMPILER), "--strict", "--noEmit", "program.ts"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_a_program_that_uses_the_types_rightly_compiles(tmp_path: Path) -> None:
    done = _compile(tmp_path, RIGHT)
    assert done.returncode == 0, done.stdout


def test_a_program_that_uses_them_wrongly_fails_at_each_mistake(tmp_path: Path) -> None:
    head = (
        'import type { Calls, Channels, ClientMessages } from "./types";\n'
        'declare const me: Channels["chat:42"]["author"];\n'
    )
    lines = [f"export {line.replace('const ', f'const n{n}_', 1)}" for n, line in enumerate(WRONG)]
    done = _compile(tmp_path, head + "\n".join(lines))
    failed = {int(line.split("(")[1].split(",")[0]) - 3 for line in done.stdout.splitlines()
              if line.startswith("program.ts(")}  # fmt: skip
    assert failed == set(range(len(WRONG))), done.stdout


def test_the_first_pattern_that_matches_decides_in_the_types_too() -> None:
    text = typescript(_app().registry, source="shop:app")
    assert "[channel: `chat:${string}`]: Chat;" in text
    assert '"chat:late"' not in text
    assert text.startswith("// Written by `tidewire types shop:app`.")


@pytest.mark.parametrize("declared", ["", "{a}", "lobby"])
def test_an_application_with_next_to_nothing_has_types_too(declared: str) -> None:
    app = App()
    if declared:
        app.channel(declared)
    assert "export interface Calls {\n}" in typescript(app.registry, source="x")
