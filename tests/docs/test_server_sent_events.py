"""The how-to's nginx location for event streams, run by a real nginx where there is one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.listening import RawStream
from tests.support.nginx import NGINX, nginx
from tests.support.processes import ServerProcess, free_port

PAGE = (Path(__file__).parents[2] / "docs/how-to/server-sent-events.md").read_text("utf-8")

pytestmark = pytest.mark.skipif(NGINX is None, reason="no nginx here (Debian: nginx)")


def test_events_come_one_by_one_through_the_nginx_of_the_guide(tmp_path: Path) -> None:
    found = re.search(r"^```nginx\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert found is not None
    port = free_port()
    with ServerProcess(flags=("--anonymous",)) as server:
        upstream = f"upstream tidewire {{ server 127.0.0.1:{server.port}; }}"
        snippet = f"{upstream} server {{ listen 127.0.0.1:{port}; {found[1]} }}"
        with nginx(tmp_path, snippet, port), RawStream(port) as stream, server.join() as speaker:
            assert stream.open("lobby", headers=()).status == 200
            stream.expect_event("subscribed")
            for number in range(3):
                speaker.send_json({"type": "chat", "text": str(number)})
                assert stream.expect_event("message", type="chat")["text"] == str(number)
