import socket

import pytest

from tests.cli.commands import Shell
from tests.support.certificates import write_certificate
from tests.support.processes import free_port
from tidewire.cli.demo import url_of
from tidewire.config import Server, Settings


def test_the_demo_lets_everybody_in_and_says_where_it_is(shell: Shell) -> None:
    port = free_port()
    result = shell.run("demo", "--port", str(port))
    assert result.code == 0
    assert result.out.startswith(f"Tidewire demo: open http://127.0.0.1:{port}/ in two tabs")
    assert shell.server.settings.auth.anonymous
    assert shell.server.app == "the demo"


def test_a_taken_port_is_passed_over_for_the_next_free_one(shell: Shell) -> None:
    """Whatever holds the usual port on this machine is left alone: we only add to it."""
    with socket.socket() as occupant:
        occupant.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            occupant.bind(("127.0.0.1", 8080))
            occupant.listen()
        except OSError:
            pass  # already taken, which is what the test needs
        assert shell.run("demo").code == 0
    assert 8081 <= shell.server.settings.server.port <= 8100


def test_a_port_that_was_asked_for_is_not_exchanged(shell: Shell) -> None:
    with socket.create_server(("127.0.0.1", 0)) as occupant:
        port = occupant.getsockname()[1]
        shell.run("demo", environment={"PORT": str(port)})
    assert shell.server.settings.server.port == port


def test_strangers_are_let_in_from_elsewhere_only_when_told(shell: Shell) -> None:
    tls = write_certificate(shell.directory)
    public = ("demo", "--host", "0.0.0.0", "--tls-cert", str(tls.cert), "--tls-key", str(tls.key))
    refused = shell.run(*public)
    assert refused.code == 2
    assert "unless you give --anonymous" in refused.err
    assert shell.run(*public, "--anonymous").code == 0


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8080/"),
        ("::1", "http://[::1]:8080/"),
        ("0.0.0.0", "http://localhost:8080/"),
    ],
)
def test_the_address_that_is_printed_opens_in_a_browser(host: str, url: str) -> None:
    assert url_of(Settings(server=Server(host=host))) == url
