"""The game tutorial shows the example whole, and how to test it is tested."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

from examples.game import main
from tidewire.app.typescript import typescript

ROOT = Path(__file__).parents[2]
TUTORIAL = (ROOT / "docs/tutorial/first-game.md").read_text("utf-8")
HOW_TO = (ROOT / "docs/how-to/test-your-app.md").read_text("utf-8")
README = (ROOT / "README.md").read_text("utf-8")
COMPILER = ROOT / "tests/javascript/node_modules/typescript/bin/tsc"
PYTHON = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ASYNC = "import asyncio\n\n\ndef test_async(): asyncio.run(the_test())\n"

NEWS = """
import tidewire

news = tidewire.App()
news.channel("news", history_ttl_s=3600)
"""


def _pytest(folder: Path, code: str) -> str:
    shutil.copytree(ROOT / "examples/game", folder, dirs_exist_ok=True)
    (folder / "test_it.py").write_text(code)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def test_the_tutorial_ends_with_the_example_as_it_is() -> None:
    assert (ROOT / "examples/game/main.py").read_text("utf-8") in PYTHON.findall(TUTORIAL)


def test_the_tutorials_pieces_are_pieces_of_the_whole() -> None:
    """Its first step stands on its own, and so does not have to be."""
    whole = (ROOT / "examples/game/main.py").read_text("utf-8")
    for piece in PYTHON.findall(TUTORIAL)[1:-1]:
        for line in piece.splitlines():
            assert line in whole or line.startswith(("game = ", "async def join")), line


def test_the_first_step_of_the_tutorial_runs(tmp_path: Path) -> None:
    code = PYTHON.findall(TUTORIAL)[0] + (
        "\n\ndef test_it(tidewire_serve, capfd):\n"
        "    ada = tidewire_serve(app).connect('ada')\n"
        "    assert ada.request({'type': 'move', 'x': 3, 'y': 4})['type'] == 'result'\n"
        "    assert capfd.readouterr().out == 'ada is at 3 4\\n'\n"
        "    wrong = ada.request({'type': 'move', 'x': 20, 'y': 4})\n"
        f"    assert wrong['message'] in {TUTORIAL!r}\n"
    )
    out = _pytest(tmp_path, code)
    assert "1 passed" in out, out


def test_the_tutorials_typescript_compiles(tmp_path: Path) -> None:
    (program,) = re.findall(r"^```ts\n(.*?)^```$", TUTORIAL, re.MULTILINE | re.DOTALL)
    (tmp_path / "game.ts").write_text(typescript(main.app.registry, source="main:app"))
    (tmp_path / "program.ts").write_text(program + "export { move, parameters, show };\n")
    command = [shutil.which("node") or "node", str(COMPILER), "--strict", "--noEmit", "program.ts"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_tests_of_the_how_to_pass_as_they_stand(tmp_path: Path) -> None:
    plain, news, *asynchronous = PYTHON.findall(HOW_TO)
    out = _pytest(tmp_path, plain + NEWS + news)
    assert "3 passed" in out, out
    for number, code in enumerate(asynchronous):
        name = re.findall(r"async def (test_\w+)", code)[0]
        renamed = "from main import app\n" + code.replace(name, "the_test")
        out = _pytest(tmp_path / str(number), f"{renamed}\n\n{ASYNC}")
        assert "1 passed" in out, out


def test_the_readmes_own_messages_work_as_they_stand(tmp_path: Path) -> None:
    code = PYTHON.findall(README)[1] + (
        "\n\ndef test_it(tidewire_serve):\n"
        "    server = tidewire_serve(app)\n"
        "    ada, ben = server.connect('ada'), server.connect('ben')\n"
        "    ben.expect('subscribed', channel='game:7')\n"
        "    ada.expect('subscribed', channel='game:7')\n"
        "    ada.send({'type': 'move', 'x': 3, 'y': 4})\n"
        "    assert ben.expect('move')['x'] == 3\n"
        "    assert ada.expect('skipped')['channel'] == 'game:7'\n"
        "    call = {'type': 'call', 'method': 'score', 'data': {'player': 'ben'}}\n"
        "    assert ada.request(call)['data'] == 3\n"
    )
    out = _pytest(tmp_path, code)
    assert "1 passed" in out, out
