"""What keeps a server from listening is one sentence."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tidewire.errors import StartFailed
from tidewire.server.listening import (
    ACCEPTED_INHERIT,
    NOTSENT_LOWAT_BYTES,
    adopt,
    listen_tcp,
    remove_stale,
)


def test_a_taken_port_is_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(StartFailed, match=f"port {port} on 127.0.0.1 is taken"):
            listen_tcp("127.0.0.1", port)


@pytest.mark.parametrize("host", ["no.such.host.invalid", "192.0.2.1"])
def test_an_address_that_is_not_ours_is_one_sentence(host: str) -> None:
    with pytest.raises(StartFailed, match="cannot listen on"):
        listen_tcp(host, 0)


def test_a_socket_that_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(path))
    remove_stale(str(path))
    assert not path.exists()
    remove_stale(str(path))


def test_a_socket_that_somebody_listens_on_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        with pytest.raises(StartFailed, match="another process does"):
            remove_stale(str(path))
    assert path.exists()


def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes"
    path.write_text("mine")
    with pytest.raises(StartFailed, match="is no socket"):
        remove_stale(str(path))
    assert path.read_text() == "mine"


def test_a_descriptor_that_is_no_socket_is_one_sentence(tmp_path: Path) -> None:
    with (tmp_path / "file").open("w") as file, pytest.raises(StartFailed, match="is no socket"):
        adopt(file.fileno())


@pytest.mark.skipif(not ACCEPTED_INHERIT, reason="set for each connection here")
def test_an_accepted_socket_has_its_listeners_bound_on_unsent_bytes() -> None:
    with listen_tcp("127.0.0.1", 0) as listener:
        listener.listen()
        with socket.create_connection(listener.getsockname()), listener.accept()[0] as accepted:
            found = accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT)
    assert found == NOTSENT_LOWAT_BYTES
