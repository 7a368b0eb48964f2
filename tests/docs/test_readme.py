"""The README's ten lines run as they stand there."""

from __future__ import annotations

import re
from pathlib import Path

from tests.support.processes import ServerProcess
from tests.support.wire import RawConnection

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
SENTENCE = (
    "publish from one line of python; every screen gets every message once, in order, "
    "or is told exactly what it missed"
)


def test_the_readme_opens_with_its_one_sentence() -> None:
    first = README.split("\n\n")[1]
    assert first.strip("*.").lower() == SENTENCE


def test_the_ten_lines_of_the_readme_reach_every_screen(tmp_path: Path) -> None:
    code = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    (tmp_path / "shop.py").write_text(code[0])
    flags = ("--anonymous", "--app-dir", str(tmp_path), "shop:live")
    with ServerProcess(flags=flags) as server, server.join() as one, server.join() as other:
        with RawConnection(server.port) as post:
            assert post.ask(b"POST /prices/tea?price=4.2 HTTP/1.1\r\nHost: x\r\n\r\n").status == 200
        for screen in (one, other):
            assert screen.expect("message")["data"] == {"name": "tea", "price": 4.2}
