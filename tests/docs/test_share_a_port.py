"""The how-to's application, served by uvicorn's own command."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.support.asynchronous import wait_until
from tests.support.processes import free_port
from tests.support.wire import RawConnection, join

PAGE = (Path(__file__).parents[2] / "docs/how-to/share-a-port.md").read_text("utf-8")
CODE = "".join(re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
PROTOCOL = "tidewire.server.protocol:TidewireProtocol"


def _post(port: int, target: str) -> int:
    with RawConnection(port) as connection:
        return connection.ask(f"POST {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode()).status


def _answers(port: int) -> bool:
    try:
        return _post(port, "/prices/tea?price=1") == 200
    except (OSError, AssertionError):
        return False


def test_uvicorn_serves_the_guides_application_and_its_websockets(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(CODE)
    assert PROTOCOL in PAGE
    port = free_port()
    uvicorn = [sys.executable, "-m", "uvicorn", "--http", PROTOCOL]
    process = subprocess.Popen(
        [*uvicorn, "--port", str(port), "shop:application"],
        cwd=tmp_path,
        env={**os.environ, "TIDEWIRE_AUTH__ANONYMOUS": "true"},
    )
    try:
        wait_until(lambda: _answers(port), "uvicorn serves the application")
        with join(port) as screen:
            assert _post(port, "/prices/tea?price=4.2") == 200
            assert screen.expect("message")["data"] == {"name": "tea", "price": 4.2}
    finally:
        process.kill()
        process.wait()
