"""The HTTP API of a real server process: its own port, its keys, its command line, a restart."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import httpx
import pytest

from tests.support.asynchronous import wait_until
from tests.support.backends import KEY, UNHURRIED_S, url_of
from tests.support.processes import ServerProcess, free_port
from tests.support.tokens import SECRET, bearer, claims, hmac_token
from tidewire.api import Api, ApiError
from tidewire.security.api_keys import line_of

OTHER_KEY = "twk_" + "o" * 43
ANYBODY = "[auth]\nanonymous = true\n"


def _api_section(*keys: str, more: str = "") -> str:
    lines = ", ".join(f'"{line_of("shop", key)}"' for key in keys)
    return f"[api]\nkeys = [{lines}]\n{more}"


def _api(port: int, key: str = KEY) -> Api:
    return Api(url_of(port), key, timeout_s=UNHURRIED_S, retries=0)


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    with ServerProcess(ANYBODY + _api_section(KEY)) as running:
        yield running


# -- its own port ------------------------------------------------------------------------------


def test_the_apis_own_port_serves_it_and_the_public_one_does_not() -> None:
    """Catalogue 81."""
    port = free_port()
    section = _api_section(KEY, more=f"port = {port}\n")
    with ServerProcess(ANYBODY + section) as server, httpx.Client(timeout=UNHURRIED_S) as http:
        with _api(port) as api:
            api.publish("lobby", {"text": "hi"})
        for path in ("/metrics", "/healthz", "/readyz"):
            assert http.get(url_of(port) + path).status_code == 200
        assert server.get("/metrics").status == 404
        assert server.get("/healthz").status == 200
        answer = http.post(url_of(server.port) + "/api/publish", headers={"x-api-key": KEY})
        assert answer.status_code == 404


def test_the_apis_own_port_is_no_way_in_for_clients() -> None:
    port = free_port()
    section = _api_section(KEY, more=f"port = {port}\n")
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    with ServerProcess(ANYBODY + section), httpx.Client(timeout=UNHURRIED_S) as http:
        assert http.get(url_of(port) + "/ws", headers=upgrade).status_code == 404
        assert http.get(url_of(port) + "/sse?channel=lobby").status_code == 404
        assert http.post(url_of(port) + "/api/ticket").status_code == 404


# -- keys --------------------------------------------------------------------------------------


def test_keys_change_without_a_restart() -> None:
    with ServerProcess(ANYBODY + _api_section(KEY)) as server:
        (server.folder / "tidewire.toml").write_text(ANYBODY + _api_section(OTHER_KEY))
        server.process.send_signal(signal.SIGHUP)
        with _api(server.port, OTHER_KEY) as new, _api(server.port) as old:
            wait_until(lambda: _is_let_in(new), "the new key is in force")
            assert not _is_let_in(old)


def _is_let_in(api: Api) -> bool:
    try:
        api.channels()
    except ApiError as error:
        return error.code not in ("unauthorized", "rate_limited")
    return True


def test_a_wrong_key_is_logged_without_the_key(server: ServerProcess) -> None:
    assert not _can(server, "twk_wrong-and-secret")
    log = server.log_path.read_text()
    assert "wrong API key" in log
    assert "wrong-and-secret" not in log


def _can(server: ServerProcess, key: str) -> bool:
    with _api(server.port, key) as api:
        return _is_let_in(api)


# -- who is there ------------------------------------------------------------------------------


def test_a_user_on_two_devices_is_one_user_and_two_clients() -> None:
    token = bearer(hmac_token(claims()))
    with (
        ServerProcess(f'[auth]\nsecrets = ["{SECRET}"]\n' + _api_section(KEY)) as server,
        server.join(token),
        server.join(token),
        _api(server.port) as api,
    ):
        found = api.presence("lobby")
        assert (found.user_count, found.client_count) == (1, 2)
        said = _tidewire(server, "presence", "lobby").stdout
        assert said.endswith("users: 1, clients: 2\n")


# -- revocation --------------------------------------------------------------------------------


def test_what_was_revoked_stays_so_over_a_restart() -> None:
    """Killed without a warning, right after the answer."""
    guarded = f'[auth]\nsecrets = ["{SECRET}"]\n[engine]\nurl = "sqlite:///history.db"\n'
    token = bearer(hmac_token(claims(iat=int(time.time()) - 60)))
    with ServerProcess(guarded + _api_section(KEY)) as server:
        with server.join(token), _api(server.port) as api:
            assert api.revoke(user="ada").clients == 1
        server.kill()
        server.start()
        with server.connect() as connection:
            assert connection.handshake(token).status == 403
        new = bearer(hmac_token(claims(iat=int(time.time()) + 2)))
        with server.join(new) as ada:
            assert ada.connected["userId"] == "ada"


# -- the command line --------------------------------------------------------------------------


def _tidewire(server: ServerProcess, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {"TIDEWIRE_API_KEY": KEY, "TIDEWIRE_URL": url_of(server.port), "PATH": ""}
    command = [sys.executable, "-m", "tidewire", *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_an_operator_sees_who_is_there_and_puts_them_out(server: ServerProcess) -> None:
    with server.join() as client:
        user: str = client.connected["userId"]
        assert user in _tidewire(server, "connections").stdout
        assert user in _tidewire(server, "presence", "lobby").stdout
        assert _tidewire(server, "kick", user).returncode == 0
        wait_until(lambda: user not in _tidewire(server, "connections").stdout, "it is gone")
        assert _tidewire(server, "kick", user).returncode == 1


def test_what_an_operator_publishes_is_in_history(server: ServerProcess) -> None:
    done = _tidewire(server, "publish", "lobby", '"hello"')
    assert (done.returncode, done.stderr) == (0, "")
    assert '"data":"hello"' in _tidewire(server, "history", "lobby").stdout
    assert "lobby" in _tidewire(server, "channels").stdout
    assert "by user" in _tidewire(server, "top").stdout
