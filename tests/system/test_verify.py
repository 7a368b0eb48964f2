"""``tidewire verify`` on a real server that is killed meanwhile."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from typing import Any

from tests.support.asynchronous import wait_until
from tests.support.processes import ServerProcess

CONFIG = '[auth]\nanonymous = true\n\n[[channels]]\npattern = "room:{name}"\nhistory_size = 10000\n'
ON_DISK = '\n[engine]\nurl = "sqlite:///history.db"\n'

LIVES = 3


def _verdict_on(config: str) -> dict[str, Any]:
    """On a server that is killed and started again under a run that Ctrl-C ends."""
    with ServerProcess(config) as server:
        command = [sys.executable, "-m", "tidewire", "verify", f"http://127.0.0.1:{server.port}"]
        options = ["--for", "1h", "--rate", "40", "--channel", "room:a", "--channel", "room:b"]
        with subprocess.Popen(
            [*command, *options, "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as run:
            for life in range(LIVES):
                _publications(server)
                if life < LIVES - 1:
                    server.kill()
                    server.start()
            run.send_signal(signal.SIGINT)
            out, err = run.communicate()
    assert err == b""
    verdict: dict[str, Any] = json.loads(out)
    assert run.returncode == (0 if verdict["held"] else 1)
    assert verdict["reconnections"] >= LIVES - 1
    return verdict


def _publications(server: ServerProcess) -> None:
    wait_until(lambda: server.metric("tidewire_publications_total") > 20, "it is published to")


def test_a_server_with_history_on_disk_is_killed_and_nothing_is_lost() -> None:
    verdict = _verdict_on(CONFIG + ON_DISK)
    assert verdict["held"], verdict
    assert verdict["gaps"] == 0
    assert (verdict["lost"], verdict["duplicated"], verdict["reordered"]) == (0, 0, 0)
    assert verdict["recovered"] > 0 or verdict["delivered"] > 0


def test_a_server_with_history_in_memory_is_killed_and_says_so() -> None:
    verdict = _verdict_on(CONFIG)
    assert verdict["held"], verdict
    assert verdict["gaps"] > 0
