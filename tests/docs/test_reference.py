"""Reference pages written by hand say the same as the code."""

from __future__ import annotations

import re
from pathlib import Path

from tests.support.processes import ServerProcess
from tidewire.websocket.close_codes import TABLE

DOCS = Path(__file__).parents[2] / "docs/reference"


def test_the_close_codes_page_has_the_one_table() -> None:
    rows = re.findall(r"^\| (\d+) \| (.+?) \| .+? \| (.+?) \|$", _page("close-codes"), re.MULTILINE)
    assert rows == [(str(c.number), c.name, c.come_back.value) for c in TABLE.values()]


def test_the_metrics_page_names_what_the_server_serves() -> None:
    written = re.findall(r"^\| `(\w+)(?:\{[\w,]+\})?` \| (\w+) \|", _page("metrics"), re.MULTILINE)
    with ServerProcess(flags=("--anonymous",)) as server:
        text = server.get("/metrics").body.decode()
    served = re.findall(r"^# TYPE (tidewire_\w+) (\w+)$", text, re.MULTILINE)
    assert sorted(written) == sorted(served)


def _page(name: str) -> str:
    return (DOCS / f"{name}.md").read_text("utf-8")
