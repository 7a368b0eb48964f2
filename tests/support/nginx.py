"""A real nginx in front of a server, with the configuration a guide shows."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.asynchronous import wait_until
from tests.support.wire import RawConnection

NGINX = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
FRAME = """
daemon off; master_process off; pid {folder}/pid; error_log stderr;
events {{}}
http {{ access_log off; client_body_temp_path {folder}; proxy_temp_path {folder};
fastcgi_temp_path {folder}; uwsgi_temp_path {folder}; scgi_temp_path {folder};
{snippet}
}}
"""


@contextmanager
def nginx(folder: Path, snippet: str, port: int) -> Iterator[None]:
    """Listening on ``port``, as ``snippet`` has to say."""
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
