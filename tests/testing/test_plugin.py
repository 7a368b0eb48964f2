"""The pytest plugin, as somebody else's tests have it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tidewire.app import App
from tidewire.testing.blocking import BlockingServer
from tidewire.testing.clock import FakeClock

SOMEBODY_ELSES = """
import tidewire

app = tidewire.App()

@app.call("double")
def double(client, number: int) -> int:
    return 2 * number

def test_a_call(tidewire_serve, tidewire_clock):
    server = tidewire_serve(app, clock=tidewire_clock)
    answer = server.connect("ann").request({"type": "call", "method": "double", "data": [21]})
    assert answer["data"] == 42
"""


def _pytest(folder: Path, code: str, *arguments: str) -> str:
    (folder / "test_it.py").write_text(code)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def test_somebody_elses_tests_use_the_fixtures_without_a_line_of_configuration(
    tmp_path: Path,
) -> None:
    assert "1 passed" in _pytest(tmp_path, SOMEBODY_ELSES, "-W", "error")


def test_who_names_the_plugin_and_has_it_installed_loads_it_once(tmp_path: Path) -> None:
    assert "1 passed" in _pytest(tmp_path, SOMEBODY_ELSES, "-p", "tidewire.testing.plugin")


def test_unused_it_imports_nothing_of_the_server(tmp_path: Path) -> None:
    code = "import sys\ndef test_it():\n    assert 'tidewire.node' not in sys.modules\n"
    assert "1 passed" in _pytest(tmp_path, code)


def test_each_server_of_one_test_is_its_own(
    tidewire_serve: Callable[..., BlockingServer], tidewire_clock: FakeClock
) -> None:
    one, other = tidewire_serve(App(), clock=tidewire_clock), tidewire_serve()
    assert one.port != other.port
    one.connect("ann").expect("connected", userCount=1)
    other.connect("ben").expect("connected", userCount=1)
