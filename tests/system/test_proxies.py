"""Behind a proxy: its word counts where it is trusted, and nowhere else."""

from __future__ import annotations

import json
from contextlib import ExitStack

from tests.support.listening import RawStream
from tests.support.processes import ServerProcess
from tests.support.wire import request

PROXY, STRANGER = "127.0.0.9", "127.0.0.8"

CONFIG = f"""
[auth]
anonymous = true
[proxy]
trusted = ["{PROXY}/32"]
[limits]
connections_per_ip = 2
"""


def _handshake(server: ServerProcess, source: str, *headers: tuple[str, str]) -> int:
    with server.connect(source=source) as connection:
        return connection.handshake(*headers).status


def _forwarded(address: str) -> tuple[str, str]:
    return ("X-Forwarded-For", address)


def test_clients_behind_a_trusted_proxy_are_limited_each_by_itself() -> None:
    """Catalogue 28."""
    with ServerProcess(CONFIG) as server, ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(server.join(_forwarded("192.0.2.1"), source=PROXY))
        assert _handshake(server, PROXY, _forwarded("192.0.2.1")) == 429
        assert _handshake(server, PROXY, _forwarded("192.0.2.2")) == 101


def test_a_proxys_own_address_is_never_limited() -> None:
    """Catalogue 28: one limit for everybody behind it would be wrong."""
    with ServerProcess(CONFIG) as server, ExitStack() as stack:
        for _ in range(6):
            stack.enter_context(server.join(source=PROXY))


def test_a_stranger_cannot_choose_its_address() -> None:
    """Catalogue 28."""
    with ServerProcess(CONFIG) as server, ExitStack() as stack:
        for number in range(2):
            claimed = _forwarded(f"192.0.2.{number}")
            stack.enter_context(server.join(claimed, source=STRANGER))
        assert _handshake(server, STRANGER, _forwarded("192.0.2.99")) == 429


def test_the_scheme_a_proxy_forwards_decides_which_page_is_ours() -> None:
    """Catalogue 9, 28: TLS ends at the proxy, so a page that came in the clear is not ours."""
    with ServerProcess(CONFIG) as server:
        page = ("Origin", f"http://127.0.0.1:{server.port}")
        proto = ("X-Forwarded-Proto", "https")
        assert _handshake(server, PROXY, page, proto) == 403
        assert _handshake(server, PROXY, page) == 101
        assert _handshake(server, STRANGER, page, proto) == 101, "its word counts for nothing"


def test_the_log_names_the_client_and_not_the_proxy() -> None:
    with ServerProcess(CONFIG) as server:
        server.join(_forwarded("192.0.2.7"), source=PROXY).socket.close()
        lines = [json.loads(line) for line in server.log().splitlines()]
        (connected,) = [line for line in lines if line["message"] == "connected"]
        assert connected["ip"] == "192.0.2.7"


def test_a_ticket_and_an_explanation_see_the_client_too() -> None:
    """The routes read the request through the same eyes as the upgrade."""
    with ServerProcess(CONFIG) as server, ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(server.join(_forwarded("192.0.2.1"), source=PROXY))
        with server.connect(source=PROXY) as asking:
            head = "GET /ws HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n"
            assert asking.ask(head.encode()).status == 429


# --- without a WebSocket ------------------------------------------------------------------------


def _poll(server: ServerProcess, source: str, claimed: str) -> int:
    head = request([("Host", "x"), _forwarded(claimed)], line="GET /poll?channel=lobby HTTP/1.1")
    with server.connect(source=source) as connection:
        return connection.ask(head).status


def _publish(server: ServerProcess, source: str, claimed: str) -> int:
    body = '{"channel": "lobby", "data": 1}'
    kind, size = ("Content-Type", "application/json"), ("Content-Length", str(len(body)))
    headers = [("Host", "x"), kind, size, _forwarded(claimed)]
    head = request(headers, line="POST /publish HTTP/1.1")
    with server.connect(source=source) as connection:
        return connection.ask(head + body.encode()).status


def _stream(server: ServerProcess, stack: ExitStack, source: str, claimed: str) -> str:
    """The name of the stream's first event. It stays open as long as ``stack``."""
    stream = stack.enter_context(RawStream(server.port, source))
    stream.open("lobby", headers=(_forwarded(claimed),))
    return stream.next_event().name


def test_streams_and_polls_of_a_stranger_count_as_its_own_whatever_they_claim() -> None:
    """Catalogue 28."""
    with ServerProcess(CONFIG) as server, ExitStack() as stack:
        opened = [_stream(server, stack, STRANGER, f"192.0.2.{each}") for each in range(3)]
        assert opened == ["connected", "connected", "refused"]
        assert _poll(server, STRANGER, "192.0.2.99") == 429


def test_streams_and_polls_behind_a_trusted_proxy_are_limited_each_by_itself() -> None:
    """Catalogue 28."""
    with ServerProcess(CONFIG) as server, ExitStack() as stack:
        opened = [_stream(server, stack, PROXY, "192.0.2.1") for _ in range(3)]
        assert opened == ["connected", "connected", "refused"]
        assert _poll(server, PROXY, "192.0.2.1") == 429
        assert _stream(server, stack, PROXY, "192.0.2.2") == "connected"
        assert _poll(server, PROXY, "192.0.2.2") == 200


def test_a_publishers_rate_is_its_own_addresss_whatever_it_claims() -> None:
    """Catalogue 28."""
    slow = f"{CONFIG}publications_per_s = 0.001\npublications_burst = 1\n"
    with ServerProcess(slow) as server:
        claimed = ("192.0.2.1", "192.0.2.2")
        assert [_publish(server, STRANGER, each) for each in claimed] == [200, 429]
        assert [_publish(server, PROXY, each) for each in claimed] == [200, 200]
