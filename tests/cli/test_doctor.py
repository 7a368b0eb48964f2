import http.server
import socket
import threading
from collections.abc import Iterator

import pytest

from tests.cli.commands import SECRET, Shell
from tests.support.processes import free_port

KEYED = {"TIDEWIRE_AUTH__SECRETS": SECRET}


class Health(http.server.BaseHTTPRequestHandler):
    """Well under /healthz, ill under /ill/healthz."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/healthz" else 503)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    with http.server.HTTPServer(("127.0.0.1", 0), Health) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def test_a_machine_that_is_ready_is_told_so(shell: Shell) -> None:
    result = shell.run("doctor", "--port", str(free_port()), "--json", environment=KEYED)
    assert result.code == 0
    states = {finding["name"]: finding["state"] for finding in result.json()}
    assert states["address"] == states["certificate"] == states["configuration"] == "ok"
    assert set(states) >= {"file descriptors", "event loop", "slow readers"}


def test_a_database_is_looked_at_and_not_made(shell: Shell) -> None:
    path = shell.directory / "history.db"
    arguments = ("doctor", "--port", str(free_port()), "--json", "--engine")
    fine = shell.run(*arguments, f"sqlite:///{path}", environment=KEYED)
    wrong = shell.run(*arguments, f"sqlite:///{path}/x", environment=KEYED)
    found = [{each["name"]: each for each in result.json()}["engine"] for result in (fine, wrong)]
    assert [each["state"] in {"ok", "warning"} for each in found] == [True, False]
    assert found[1]["text"] == f"the directory {path} does not exist"
    assert not path.exists()


def test_a_taken_port_is_a_failure(shell: Shell) -> None:
    with socket.create_server(("127.0.0.1", 0)) as occupant:
        result = shell.run("doctor", "--port", str(occupant.getsockname()[1]), environment=KEYED)
    assert result.code == 1
    assert "is taken; is a server running already?" in result.out


def test_a_wrong_configuration_is_a_finding_and_not_an_end(shell: Shell) -> None:
    result = shell.run("doctor", "--port", "x", "--json")
    assert result.code == 1
    (finding,) = result.json()
    assert finding["name"] == "configuration"
    assert "--port must be" in finding["text"]


def test_a_running_server_is_alive(shell: Shell, server: str) -> None:
    assert shell.run("doctor", "--live", server).code == 0


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("{server}/ill", "answers 503"),
        ("http://127.0.0.1:1", "does not answer: Connection refused"),
        ("http://", "is no http address"),
        ("file:///etc", "is no http address"),
        ("nonsense", "is no http address"),
    ],
)
def test_what_does_not_answer_is_not_alive(
    shell: Shell, server: str, url: str, sentence: str
) -> None:
    result = shell.run("doctor", "--live", url.format(server=server))
    assert result.code == 1
    assert sentence in result.out
