"""The browser client's own tests, its types, and the client in Node 20 beside a real server."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.support.node import NodeProcess
from tests.support.processes import ServerProcess

ROOT = Path(__file__).parents[2]
CLIENT = ROOT / "clients/typescript"
IN_NODE = ROOT / "tests/support/nodeclient.cjs"

ANYBODY = '[auth]\nanonymous = true\n[[channels]]\npattern = "room:*"\nhistory_size = 100\n'


def _run(*command: str) -> None:
    vectors = str(ROOT / "spec/vectors/native.json")
    environment = {**os.environ, "TIDEWIRE_VECTORS": vectors}
    ended = subprocess.run(command, cwd=CLIENT, env=environment, capture_output=True, check=False)
    assert ended.returncode == 0, ended.stdout.decode() + ended.stderr.decode()


def test_the_clients_own_tests_and_the_protocols_vectors_pass() -> None:
    _run("node", "test/run.js")


def test_the_client_and_its_tests_are_well_typed() -> None:
    _run("node", "node_modules/typescript/bin/tsc", "--noEmit")


def test_no_lock_of_the_client_names_where_packages_came_from() -> None:
    assert '"resolved"' not in (CLIENT / "package-lock.json").read_text("utf-8")


def test_the_client_runs_in_node_with_the_package_ws() -> None:
    script = str(ROOT / "src/tidewire/http/client.js")
    with (
        ServerProcess(ANYBODY) as server,
        NodeProcess(IN_NODE, (script, f"ws://127.0.0.1:{server.port}/ws")) as node,
    ):
        assert node.expect("seen") == "hello"
        assert node.expect("published") == 1
        server.kill()
        assert node.expect("state", **{"is": "waiting"})
        server.start()
        assert node.expect("state", **{"is": "open"})
        assert node.expect("gap") == 0
