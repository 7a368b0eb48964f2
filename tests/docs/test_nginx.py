"""The nginx configuration of the how-to, run by a real nginx where there is one."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.asynchronous import wait_until
from tests.support.processes import ServerProcess, free_port
from tests.support.wire import RawConnection, join, request

PAGE = (Path(__file__).parents[2] / "docs/how-to/deploy-behind-nginx.md").read_text("utf-8")
NGINX = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
FRAME = """
daemon off; master_process off; pid {folder}/pid; error_log stderr;
events {{}}
http {{ access_log off; client_body_temp_path {folder}; proxy_temp_path {folder};
fastcgi_temp_path {folder}; uwsgi_temp_path {folder}; scgi_temp_path {folder};
{snippet}
}}
"""

pytestmark = pytest.mark.skipif(NGINX is None, reason="no nginx here (Debian: nginx)")


def _block(language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


@contextmanager
def _nginx(folder: Path, snippet: str, port: int) -> Iterator[None]:
    config = folder / "nginx.conf"
    config.write_text(FRAME.format(folder=folder, snippet=snippet))
    process = subprocess.Popen([str(NGINX), "-p", str(folder), "-c", str(config)])
    try:
        wait_until(lambda: process.poll() is not None or _answers(port), "nginx listens")
        yield
    finally:
        process.kill()
        process.wait()


def _answers(port: int) -> bool:
    try:
        with RawConnection(port):
            return True
    except OSError:
        return False


def test_a_websocket_and_a_page_come_through_the_nginx_of_the_guide(tmp_path: Path) -> None:
    port = free_port()
    with ServerProcess(config=_block("toml"), flags=("--anonymous",)) as server:
        snippet = _block("nginx").replace("127.0.0.1:8080", f"127.0.0.1:{server.port}")
        snippet = snippet.replace("listen 443 ssl", f"listen 127.0.0.1:{port}")
        with _nginx(tmp_path, snippet, port):
            page = ("Origin", f"http://127.0.0.1:{port}")
            with join(port, page) as one, join(port) as other:
                other.send_json({"type": "chat", "text": "through"})
                assert one.expect("chat")["text"] == "through"
            with RawConnection(port) as plain:
                line = "GET /readyz HTTP/1.1"
                assert plain.ask(request([("Host", "x")], line=line)).body == b"ready\n"
