"""TLS of the server's own, and what SIGHUP changes while clients stay connected."""

from __future__ import annotations

import signal
import socket
import ssl
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.asynchronous import wait_until
from tests.support.certificates import write_certificate
from tests.support.processes import ServerProcess
from tests.support.tls import TlsProcess, certificate_of
from tests.support.tokens import bearer, claims, hmac_token

ANONYMOUS = "[auth]\nanonymous = true\n"
LOOPS_OWN_DEADLINE_S = 55
"""The event loop itself would give up after 60 s."""

OLD, NEW = "an old secret of at least thirty-two bytes", "a new secret of at least thirty-two bytes"


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[TlsProcess]:
    server = TlsProcess(ANONYMOUS, tls=write_certificate(tmp_path))
    with server:
        yield server


def _reload(server: ServerProcess) -> None:
    done = server.log().count('"reloaded"')
    server.process.send_signal(signal.SIGHUP)
    wait_until(lambda: server.log().count('"reloaded"') > done, "it has reloaded")


# -- TLS ---------------------------------------------------------------------------------------


def test_people_chat_over_tls(secure: TlsProcess) -> None:
    with secure.join() as ada, secure.join() as bob:
        ada.send_json({"type": "chat", "text": "privately"})
        assert bob.expect("chat")["text"] == "privately"


@pytest.mark.parametrize("hello", [b"", b"\x16\x03\x01", b"\x16\x03\x01\x02\x00" + b"\x01" * 100])
def test_a_tls_handshake_that_stops_half_way_ends_with_the_handshakes_deadline(
    tmp_path: Path, hello: bytes
) -> None:
    """Catalogue 7, 8. Without it the event loop would wait for a minute."""
    limits = "[limits]\nhandshake_s = 0.3\n"
    with TlsProcess(ANONYMOUS + limits, tls=write_certificate(tmp_path)) as server:
        started = time.monotonic()
        with socket.create_connection(("127.0.0.1", server.port)) as half_open:
            half_open.settimeout(60)
            half_open.sendall(hello)
            assert _reads_until_end(half_open)
        assert time.monotonic() - started < LOOPS_OWN_DEADLINE_S


def _reads_until_end(sock: socket.socket) -> bool:
    try:
        while sock.recv(4096):
            pass
    except ConnectionResetError:
        pass
    return True


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_a_client_that_speaks_only_old_tls_is_refused(
    secure: TlsProcess, version: ssl.TLSVersion
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that it is old is the point
        with pytest.raises((ssl.SSLError, ConnectionError)):
            secure.connect(version=version)


def test_tls_1_2_and_1_3_are_both_spoken(secure: TlsProcess) -> None:
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        with secure.connect(version=version) as connection:
            assert connection.handshake().status == 101


def test_noise_where_tls_is_expected_harms_nobody(secure: TlsProcess) -> None:
    with ServerProcess.connect(secure) as noise:
        noise.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 10)
        noise.read_until_end()
    with secure.join() as client:
        assert client.ask_json({"type": "ping"})["type"] == "pong"


def test_a_certificate_that_is_none_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "cert.pem").write_text("rubbish")
    flags = ["--tls-cert", str(tmp_path / "cert.pem"), "--tls-key", str(tmp_path / "cert.pem")]
    command = [sys.executable, "-m", "tidewire", "serve", "--anonymous", *flags]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode in (2, 3)
    assert ended.stderr.startswith("tidewire: ")
    assert len(ended.stderr.splitlines()) == 1


# -- SIGHUP ------------------------------------------------------------------------------------


def test_a_renewed_certificate_is_shown_to_newcomers_and_nobody_is_cut(
    secure: TlsProcess, tmp_path: Path
) -> None:
    with secure.join() as old:
        write_certificate(tmp_path)
        _reload(secure)
        with secure.join() as new:
            assert certificate_of(new) != certificate_of(old)
            new.send_json({"type": "chat", "text": "still here?"})
            assert old.expect("chat")["text"] == "still here?"


def test_a_broken_certificate_leaves_the_old_one_in_force(
    secure: TlsProcess, tmp_path: Path
) -> None:
    with secure.join() as before:
        (tmp_path / "key.pem").write_text("rubbish")
        _reload(secure)
        with secure.join() as after:
            assert certificate_of(after) == certificate_of(before)
    assert "not reloaded" in secure.log()


def _opens(server: ServerProcess, secret: str) -> bool:
    with server.connect() as connection:
        token = hmac_token(claims(), secret=secret)
        return connection.handshake(bearer(token)).status == 101


def test_keys_are_changed_and_nobody_is_cut(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(OLD)
    with (
        ServerProcess(f'[auth]\nsecret_files = ["{file}"]') as server,
        server.join(bearer(hmac_token(claims(), secret=OLD))) as client,
    ):
        assert not _opens(server, NEW)
        file.write_text(NEW)
        _reload(server)
        assert _opens(server, NEW)
        assert not _opens(server, OLD)
        assert client.ask_json({"type": "ping"})["type"] == "pong"


def test_a_broken_key_file_leaves_the_old_key_in_force(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(OLD)
    with ServerProcess(f'[auth]\nsecret_files = ["{file}"]') as server:
        file.write_text("short")
        _reload(server)
        assert _opens(server, OLD)
        assert "not reloaded" in server.log()
        assert "short" not in server.log()


def test_limits_and_the_log_level_are_read_again() -> None:
    with ServerProcess(ANONYMOUS) as server:
        (server.folder / "tidewire.toml").write_text(
            f'{ANONYMOUS}\n[limits]\nmessage_bytes = 1024\n[log]\nlevel = "debug"'
        )
        _reload(server)
        with server.join() as client:
            assert client.connected["limits"]["maxMessageBytes"] == 1024
            client.send_json({"type": "chat", "text": "x" * 2000})
            assert client.close_code().code == 1009


def test_the_rate_of_publishes_over_plain_http_is_read_again() -> None:
    """Of an address that had used up the old one, too."""
    config = ANONYMOUS + "[limits]\npublications_per_s = 0.001\npublications_burst = {}"
    with ServerProcess(config.format(1)) as server:
        url, said = f"http://127.0.0.1:{server.port}/publish", {"channel": "lobby", "data": 1}
        assert [httpx.post(url, json=said).status_code for _ in range(2)] == [200, 429]
        (server.folder / "tidewire.toml").write_text(config.format(2))
        _reload(server)
        assert [httpx.post(url, json=said).status_code for _ in range(2)] == [200, 429]


def test_a_setting_that_cannot_change_is_said_to_wait() -> None:
    with ServerProcess(ANONYMOUS) as server:
        (server.folder / "tidewire.toml").write_text(f'{ANONYMOUS}\n[lobby]\nchannel = "hall"')
        _reload(server)
        assert "wait for a restart" in server.log()


def test_a_broken_configuration_leaves_everything_as_it_is() -> None:
    with ServerProcess(ANONYMOUS) as server:
        (server.folder / "tidewire.toml").write_text("[limits\n")
        _reload(server)
        assert "settings not reloaded" in server.log()
        with server.join() as client:
            assert client.ask_json({"type": "ping"})["type"] == "pong"
