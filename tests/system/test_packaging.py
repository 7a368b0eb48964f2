"""The wheel runs where there is no Node, no compiler and no uvloop."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.support.asynchronous import wait_until
from tests.support.processes import ServerProcess, free_port
from tests.support.wire import RawConnection, Response, join

ROOT = Path(__file__).parents[2]

WITHOUT_UVLOOP = "import sys\nsys.modules['uvloop'] = None\n"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clean environment with the wheel in it; answers its ``bin``.

    What the wheel depends on is lent from ours, so that no network is needed; Tidewire itself is
    not, since a path that is lent has no editable installations.
    """
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)]
    subprocess.run([*build, str(ROOT)], check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    venv.create(folder / "venv", with_pip=True)
    pip = [str(folder / "venv/bin/python"), "-m", "pip", "install", "--quiet"]
    subprocess.run([*pip, "--no-index", "--no-deps", str(wheel)], check=True)
    (site,) = (folder / "venv/lib").glob("*/site-packages")
    (site / "lent.pth").write_text(sysconfig.get_path("purelib"))
    return folder / "venv/bin"


def _environment(programs: Path) -> Mapping[str, str]:
    """Nothing but the wheel's own programs: neither Node nor a compiler."""
    return {"PATH": str(programs), "HOME": str(programs)}


@pytest.fixture(scope="module")
def demo(installed: Path) -> Iterator[int]:
    """``tidewire demo`` of the wheel, on this port."""
    port = free_port()
    process = subprocess.Popen(
        [installed / "tidewire", "demo", "--port", str(port)],
        cwd=installed,
        env=_environment(installed),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: _is_ready(port), "the demo is ready")
        yield port
    finally:
        process.kill()
        process.wait()


def _get(port: int, path: str) -> Response:
    with RawConnection(port) as connection:
        head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: text/html\r\n\r\n"
        return connection.ask(head.encode())


def _is_ready(port: int) -> bool:
    try:
        return _get(port, "/readyz").status == 200
    except (OSError, AssertionError):
        return False


def test_the_wheel_is_what_runs_and_not_this_tree(installed: Path) -> None:
    where = "import tidewire; print(tidewire.__file__)"
    found = subprocess.run(
        [installed / "python", "-c", where], capture_output=True, text=True, check=True,
        env=_environment(installed),
    )  # fmt: skip
    assert found.stdout.startswith(str(installed.parent))


def test_the_wheel_knows_the_extra_that_schemas_are_said_to_need(installed: Path) -> None:
    asked = "from importlib.metadata import requires; print(requires('tidewire'))"
    found = subprocess.run(
        [installed / "python", "-c", asked], capture_output=True, text=True, check=True,
        env=_environment(installed),
    )  # fmt: skip
    assert re.search(r"jsonschema.*; extra == .schema", found.stdout)


def test_the_wheels_demo_shows_its_page_and_everything_on_it(demo: int) -> None:
    page = _get(demo, "/")
    assert page.status == 200
    links = re.findall(r'(?:src|href)="(/?[\w./-]+\.(?:js|css|svg))"', page.body.decode())
    assert links
    for link in links:
        assert _get(demo, f"/{link.lstrip('/')}").status == 200, link


def test_the_wheels_demo_lets_people_chat(demo: int) -> None:
    with join(demo) as ada, join(demo) as bob:
        ada.send_json({"type": "chat", "text": "hi"})
        assert bob.expect("chat")["text"] == "hi"


def test_a_server_without_uvloop_runs_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(WITHOUT_UVLOOP)
    environment = {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    with (
        ServerProcess("[auth]\nanonymous = true", environment=environment) as server,
        server.join() as ada,
    ):
        assert ada.ask_json({"type": "ping"})["type"] == "pong"
