"""What the page on the Python client shows is run, against a server in this process."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tidewire.testing.blocking import BlockingServer, running

PAGE = (Path(__file__).parents[2] / "docs/how-to/use-the-python-client.md").read_text("utf-8")
EXAMPLE, _, SCRIPT = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


class Shown(Exception):
    """The example has got so far as to show something, and would go on for ever."""


def _run(server: BlockingServer, code: str) -> list[Any]:
    """What the example showed first."""
    shown: list[Any] = []

    def show(*what: Any) -> None:
        shown.extend(what)
        raise Shown

    code = code.replace("ws://127.0.0.1:8080/ws", server.websocket_url)
    code = code.replace('"..."', repr(server.token("ann"))).replace('"news"', '"lobby"')
    with pytest.raises(Shown):
        exec(code, {"print": show})
    return shown


def test_the_first_example_shows_what_it_has_said() -> None:
    with running() as server:
        user, data = _run(server, EXAMPLE)
    assert user
    assert data == {"text": "hello"}


def test_the_script_shows_what_it_has_published() -> None:
    with running() as server:
        assert _run(server, SCRIPT) == [{"title": "hello"}]
