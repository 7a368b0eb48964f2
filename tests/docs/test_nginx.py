"""The nginx configuration of the how-to, run by a real nginx where there is one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.nginx import NGINX, nginx
from tests.support.processes import ServerProcess, free_port
from tests.support.wire import RawConnection, join, request

PAGE = (Path(__file__).parents[2] / "docs/how-to/deploy-behind-nginx.md").read_text("utf-8")

pytestmark = pytest.mark.skipif(NGINX is None, reason="no nginx here (Debian: nginx)")


def _block(language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def test_a_websocket_and_a_page_come_through_the_nginx_of_the_guide(tmp_path: Path) -> None:
    port = free_port()
    with ServerProcess(config=_block("toml"), flags=("--anonymous",)) as server:
        snippet = _block("nginx").replace("127.0.0.1:8080", f"127.0.0.1:{server.port}")
        snippet = snippet.replace("listen 443 ssl", f"listen 127.0.0.1:{port}")
        with nginx(tmp_path, snippet, port):
            page = ("Origin", f"http://127.0.0.1:{port}")
            with join(port, page) as one, join(port) as other:
                other.send_json({"type": "chat", "text": "through"})
                assert one.expect("chat")["text"] == "through"
            with RawConnection(port) as plain:
                line = "GET /readyz HTTP/1.1"
                assert plain.ask(request([("Host", "x")], line=line)).body == b"ready\n"
