"""Attacks on the opening handshake, catalogue 1 to 18, 26 and 28, against a real server process.

Tokens have a file of their own (``test_token_attacks``).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import chain, repeat

import pytest

from tests.support import rawframes
from tests.support.asynchronous import wait_until
from tests.support.processes import ServerProcess
from tests.support.tokens import SECRET, bearer, claims, hmac_token
from tests.support.wire import (
    ConnectionEnded,
    RawConnection,
    Response,
    crowd,
    new_key,
    replaced,
    request,
    upgrade_headers,
    without,
)

MIB = 1024 * 1024


@pytest.fixture(scope="module")
def process() -> Iterator[ServerProcess]:
    with ServerProcess("[auth]\nanonymous = true") as server:
        yield server


@pytest.fixture
def server(process: ServerProcess) -> Iterator[ServerProcess]:
    """A server that must serve a newcomer after every attack as before it."""
    yield process
    _assert_serves(process)


@pytest.fixture(scope="module")
def guarded() -> Iterator[ServerProcess]:
    """Lets nobody in without a token, which a cookie may carry, and only pages of one origin."""
    config = f"""
        [auth]
        secrets = ["{SECRET}"]
        cookie = "session"
        [origins]
        allowed = ["https://app.example.com", "https://xn--bcher-kva.example"]
    """
    with ServerProcess(config) as server:
        yield server


def _assert_serves(server: ServerProcess) -> None:
    with server.join() as newcomer:
        assert newcomer.ask_json({"type": "ping"})["type"] == "pong"


def _ask(server: ServerProcess, head: bytes) -> Response:
    with server.connect() as connection:
        return connection.ask(head)


def _upgrade(server: ServerProcess, *headers: tuple[str, str], line: str = "") -> Response:
    return _ask(server, request(headers, line=line or "GET /ws HTTP/1.1"))


# -- 1 to 4: the headers an upgrade is made of -------------------------------------------------


def test_a_valid_upgrade_is_accepted_and_proves_it(server: ServerProcess) -> None:
    """The example of RFC 6455 section 1.3, without which every refusal below proves nothing."""
    headers = upgrade_headers(server.port)
    answer = _upgrade(server, *replaced(headers, "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="))
    assert answer.status == 101
    assert answer.header("sec-websocket-accept") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


@pytest.mark.parametrize(
    "keys",
    [
        (),
        ("",),
        ("c2hvcnQ=",),
        ("A" * 24,),
        ("AAAAAAAAAAAAAAAAAAAAAA",),
        ("dGhlIHNhbXBsZSBub25jZQ==", "AAAAAAAAAAAAAAAAAAAAAA=="),
        ("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ=="),
    ],
    ids=["missing", "empty", "short", "long", "unpadded", "two", "the same twice"],
)
def test_a_wrong_key_is_refused(server: ServerProcess, keys: tuple[str, ...]) -> None:
    """Catalogue 1."""
    headers = replaced(upgrade_headers(server.port), "Sec-WebSocket-Key", *keys)
    assert _upgrade(server, *headers).status == 400


@pytest.mark.parametrize("version", ["8", "12", "14", "0", "-13", "013", "13.0", "", "thirteen"])
def test_another_version_is_told_which_one_would_do(server: ServerProcess, version: str) -> None:
    """Catalogue 2."""
    headers = replaced(upgrade_headers(server.port), "Sec-WebSocket-Version", version)
    answer = _upgrade(server, *headers)
    assert answer.status == 426
    assert answer.header("sec-websocket-version") == "13"


@pytest.mark.parametrize(
    "lines",
    [
        ("Upgrade",),
        ("upgrade",),
        ("UPGRADE",),
        ("keep-alive, Upgrade",),
        ("Upgrade, keep-alive",),
        ("keep-alive,upgrade,x-other",),
        (" , Upgrade ,, keep-alive",),
        ("keep-alive", "Upgrade"),
    ],
)
def test_connection_is_a_list_in_any_case_and_order(
    server: ServerProcess, lines: tuple[str, ...]
) -> None:
    """Catalogue 3."""
    assert (
        _upgrade(server, *replaced(upgrade_headers(server.port), "Connection", *lines)).status
        == 101
    )


@pytest.mark.parametrize("hosts", [(), ("",), ("127.0.0.1", "127.0.0.1"), ("a b",), ("u@host",)])
def test_one_host_is_needed_and_no_more(server: ServerProcess, hosts: tuple[str, ...]) -> None:
    """Catalogue 4."""
    assert _upgrade(server, *replaced(upgrade_headers(server.port), "Host", *hosts)).status == 400


@pytest.mark.parametrize("target", ["http://127.0.0.1/ws", "ws://evil.example/ws", "*", "ws"])
def test_a_target_that_is_no_path_is_refused(server: ServerProcess, target: str) -> None:
    """Catalogue 4."""
    answer = _upgrade(server, *upgrade_headers(server.port), line=f"GET {target} HTTP/1.1")
    assert answer.status == 400


# -- 5 to 8: size and time ---------------------------------------------------------------------


def test_two_thousand_headers_are_too_many(server: ServerProcess) -> None:
    """Catalogue 5."""
    many = [(f"X-{number}", "") for number in range(2000)]
    assert _upgrade(server, *upgrade_headers(server.port, *many)).status in (400, 431)


def test_the_headers_of_an_upgrade_are_counted(server: ServerProcess) -> None:
    """Catalogue 5: few bytes each, so that only their number can be what is refused."""
    room = 64 - len(upgrade_headers(server.port))
    for extra, status in ((room, 101), (room + 1, 431)):
        many = [("X", "")] * extra
        assert _upgrade(server, *upgrade_headers(server.port, *many)).status == status


@pytest.mark.parametrize(
    "line", [f"GET /{'x' * 16_384} HTTP/1.1", f"{'G' * 16_384} / HTTP/1.1"], ids=["path", "method"]
)
def test_a_request_line_of_sixteen_kibibytes_is_refused(server: ServerProcess, line: str) -> None:
    """Catalogue 6."""
    assert _upgrade(server, *upgrade_headers(server.port), line=line).status in (400, 414, 431)


@pytest.mark.parametrize("width", [100, 20_000, 1_000_000])
def test_a_mebibyte_of_headers_is_refused_in_bounded_memory(
    server: ServerProcess, width: int
) -> None:
    """Catalogue 6."""
    before = server.resident_bytes()
    with server.connect() as connection:
        lines = chain([request(())[:-2]], repeat(b"X: " + b"x" * width + b"\r\n", MIB // width + 1))
        connection.trickle(lines, pause_s=0)
        assert connection.read_until_end()[:13] in (b"HTTP/1.1 400 ", b"HTTP/1.1 431 ", b"")
    assert server.resident_bytes() - before < 8 * MIB


def test_a_byte_at_a_time_does_not_buy_more_time() -> None:
    """Catalogue 7: with a deadline per byte the head would come whole, after five minutes."""
    with (
        ServerProcess("[auth]\nanonymous = true\n[limits]\nhandshake_s = 0.3") as server,
        server.connect() as connection,
    ):
        started_at = time.monotonic()
        head = request([("Host", "x")])[:-2] + b"X: " + b"x" * 16_000
        sent = connection.trickle(head[index : index + 1] for index in range(len(head)))
        assert 2 < sent < len(head)
        assert b" 101 " not in connection.read_until_end()
        assert time.monotonic() - started_at >= 0.3


def test_silent_connections_are_few_and_leave_room_for_others() -> None:
    """Catalogue 8: the cap counts unfinished handshakes of one address."""
    limits = "[limits]\nunfinished_handshakes_per_ip = 5\nhandshake_s = 86400"
    with ServerProcess(f"[auth]\nanonymous = true\n{limits}") as server:
        with crowd(server.connect(source="127.0.0.9") for _ in range(8)) as silent:
            wait_until(lambda: sum(one.has_input() for one in silent) == 3, "three are turned away")
            _assert_serves(server)
            kept = [one for one in silent if not one.has_input()]
            assert kept[0].handshake().status == 101
        wait_until(lambda: _is_let_in(server, "127.0.0.9"), "ended ones no longer count")


def _is_let_in(server: ServerProcess, source: str) -> bool:
    try:
        with server.connect(source=source) as connection:
            return connection.handshake().status == 101
    except (ConnectionEnded, ConnectionError):
        return False


def test_silence_is_ended_by_the_same_deadline() -> None:
    """Catalogue 8."""
    with (
        ServerProcess("[auth]\nanonymous = true\n[limits]\nhandshake_s = 0.3") as server,
        server.connect() as connection,
    ):
        assert b" 101 " not in connection.read_until_end()


@pytest.mark.parametrize(
    ("line", "headers", "more"),
    [
        ("GET /healthz HTTP/1.1", [], b"\r\n"),
        ("POST /api/ticket HTTP/1.1", [("Content-Length", "1000000")], b"x"),
        ("GET /healthz HTTP/1.1", [], b"GET /healthz HTTP/1.1\r\nX: "),
    ],
    ids=["blank lines", "a body nobody asked for", "a second head"],
)
def test_dribbling_behind_an_answer_does_not_keep_a_connection(
    line: str, headers: list[tuple[str, str]], more: bytes
) -> None:
    """Catalogue 7, 8: otherwise one request buys a connection that no limit counts."""
    limits = "[limits]\nhandshake_s = 0.3\n[server]\nkeep_alive_s = 3600"
    with (
        ServerProcess(f"[auth]\nanonymous = true\n{limits}") as server,
        server.connect() as connection,
    ):
        asked = request([("Host", f"127.0.0.1:{server.port}"), *headers], line=line)
        assert connection.ask(asked).status == 200
        assert connection.trickle([more, *repeat(more[-1:], 9)])
        assert b" 200 " not in connection.read_until_end()


# -- 9 to 13: where the page came from ---------------------------------------------------------


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "https://app.example.com.evil.com",
        "https://evilapp.example.com",
        "https://app.example.com@evil.com",
        "https://evil.com#https://app.example.com",
        "https://app.example.com:8443",
        "http://app.example.com",
        "https://app.example.com/",
        "https://app.example.com evil.com",
        "",
    ],
)
def test_a_foreign_page_is_refused_whatever_it_holds(guarded: ServerProcess, origin: str) -> None:
    """Catalogue 9, 10, 11: the visitor's cookie and token are good, the page is not."""
    token = hmac_token(claims())
    for credential in (bearer(token), ("Cookie", f"session={token}")):
        with guarded.connect() as connection:
            assert connection.handshake(("Origin", origin), credential).status == 403


@pytest.mark.parametrize(
    "origin",
    [
        "https://app.example.com",
        "HTTPS://APP.EXAMPLE.COM",
        "https://app.example.com:443",
        "https://xn--bcher-kva.example",
    ],
)
def test_an_allowed_page_is_recognised_however_it_is_written(
    guarded: ServerProcess, origin: str
) -> None:
    """Catalogue 12."""
    with guarded.connect() as connection:
        cookie = ("Cookie", f"session={hmac_token(claims())}")
        assert connection.handshake(("Origin", origin), cookie).status == 101


@pytest.mark.parametrize(
    "origins",
    [
        ["https://app.example.com", "https://app.example.com"],
        ["https://app.example.com", "https://evil.example"],
        ["https://b\u00fccher.example"],
    ],
)
def test_an_origin_with_two_readings_is_malformed(
    guarded: ServerProcess, origins: list[str]
) -> None:
    """Catalogue 12."""
    with guarded.connect() as connection:
        headers = [("Origin", origin) for origin in origins]
        assert connection.handshake(bearer(hmac_token(claims())), *headers).status == 400


def test_without_an_origin_only_a_token_opens_never_a_cookie(guarded: ServerProcess) -> None:
    """Catalogue 13."""
    token = hmac_token(claims())
    with guarded.connect() as service, guarded.connect() as forger:
        assert service.handshake(bearer(token)).status == 101
        assert forger.handshake(("Cookie", f"session={token}")).status == 403


def test_with_no_origin_configured_only_the_own_host_is_let_in(server: ServerProcess) -> None:
    """Catalogue 9."""
    own, foreign = f"http://127.0.0.1:{server.port}", f"http://127.0.0.1:{server.port + 1}"
    with server.connect() as page, server.connect() as stranger:
        assert page.handshake(("Origin", own)).status == 101
        assert stranger.handshake(("Origin", foreign)).status == 403


# -- 14 to 18: what is negotiated, and where a token may be ------------------------------------


@pytest.mark.parametrize("name", ["Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions"])
@pytest.mark.parametrize(
    "value",
    ['a; b="' + '\\"' * 7000, "a" + ";" * 14_000, ", " * 7000 + "!", 'a;b="' + "\\c" * 7000],
    ids=["open quote", "semicolons", "commas", "escapes"],
)
def test_a_header_made_to_backtrack_costs_no_time(
    server: ServerProcess, name: str, value: str
) -> None:
    """Catalogue 14: a pattern that backtracks takes seconds to years for one of these."""
    used_s = server.cpu_s()
    _upgrade(server, *upgrade_headers(server.port, (name, value)))
    assert server.cpu_s() - used_s < 1


@pytest.mark.parametrize("value", ["b\u00fccher", "tide wire", "a,b\x01", "\U0001f30a"])
def test_a_subprotocol_that_is_no_token_is_malformed(server: ServerProcess, value: str) -> None:
    """Catalogue 15."""
    headers = upgrade_headers(server.port, ("Sec-WebSocket-Protocol", value))
    assert _upgrade(server, *headers).status == 400


@pytest.mark.parametrize("name", ["constructor", "__proto__", "__class__", "permessage-defLate"])
def test_an_unknown_extension_is_ignored(server: ServerProcess, name: str) -> None:
    """Catalogue 16."""
    headers = upgrade_headers(server.port, ("Sec-WebSocket-Extensions", name))
    answer = _upgrade(server, *headers)
    assert answer.status == 101
    assert answer.header("sec-websocket-extensions") is None


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (None, None),
        ("graphql-ws", None),
        ("graphql-ws, tidewire.v1", "tidewire.v1"),
        ("TIDEWIRE.V1", None),
    ],
)
def test_only_an_offered_subprotocol_is_chosen(
    server: ServerProcess, offered: str | None, chosen: str | None
) -> None:
    """Catalogue 17."""
    extra = () if offered is None else (("Sec-WebSocket-Protocol", offered),)
    answer = _upgrade(server, *upgrade_headers(server.port, *extra))
    assert answer.status == 101
    assert answer.header("sec-websocket-protocol") == chosen


@pytest.mark.parametrize(
    "offered", ["bearer.{}", "tidewire.v1, bearer.{}", "bearer.{}, tidewire.v1"]
)
def test_a_token_offered_as_a_subprotocol_is_never_echoed(
    guarded: ServerProcess, offered: str
) -> None:
    """Catalogue 17."""
    token = hmac_token(claims())
    with guarded.connect() as connection:
        answer = connection.handshake(("Sec-WebSocket-Protocol", offered.format(token)))
        assert answer.status == 101
        assert token not in str(answer.headers)


@pytest.mark.parametrize("name", ["token", "access_token", "bearer", "jwt", "authorization"])
def test_a_token_in_the_query_opens_nothing_and_is_not_logged(
    guarded: ServerProcess, name: str
) -> None:
    """Catalogue 18."""
    token = hmac_token(claims())
    with guarded.connect() as connection:
        assert connection.handshake(path=f"/ws?{name}={token}").status == 401
    assert token not in guarded.log()


# -- 26 and 28: what proxies disagree about ----------------------------------------------------

SMUGGLED = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize(
    "headers",
    [
        "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
        "Content-Length: 4\r\nContent-Length: 5\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Content-Length: 34\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: 1_0\r\n",
        "X-Folded: a\r\n b\r\n",
        "Content-Length : 0\r\n",
        "X-Null: a\0b\r\n",
        "X-Return: a\rb\r\n",
        "X Space: a\r\n",
        ": nameless\r\n",
        "no colon\r\n",
    ],
)
def test_a_head_with_two_readings_is_refused_and_ends_the_connection(
    server: ServerProcess, headers: str
) -> None:
    """Catalogue 26: one answer, so nothing smuggled behind the head was taken for a request."""
    head = request(upgrade_headers(server.port))[:-2] + headers.encode() + b"\r\n"
    with server.connect() as connection:
        connection.send(head + SMUGGLED)
        said = connection.read_until_end()
    assert said.startswith(b"HTTP/1.1 400 ")
    assert said.count(b"HTTP/1.1 ") == 1


def test_a_bare_line_feed_does_not_end_a_header(server: ServerProcess) -> None:
    """Catalogue 26: what some read as two headers must not hide one of them."""
    head = request(upgrade_headers(server.port, ("X", "a\nOrigin: http://evil.example")))
    assert _ask(server, head).status in (400, 403)


def test_an_invented_forwarded_address_does_not_dodge_a_limit() -> None:
    """Catalogue 28: every connection claims another address, and all count as one."""
    config = "[auth]\nanonymous = true\n[limits]\nconnections_per_ip = 3"
    with (
        ServerProcess(config) as server,
        crowd(server.join(("X-Forwarded-For", f"192.0.2.{host}")) for host in range(3)),
    ):
        assert _forwarded(server, "192.0.2.99") == 429


def test_a_trusted_proxy_says_who_is_behind_it_and_is_not_limited_itself() -> None:
    """Catalogue 28."""
    config = """
        [auth]
        anonymous = true
        [limits]
        connections_per_ip = 3
        [proxy]
        trusted = ["127.0.0.1"]
    """
    with (
        ServerProcess(config) as server,
        crowd(server.join(("X-Forwarded-For", f"192.0.2.{host}")) for host in range(6)),
        crowd(server.join(("X-Forwarded-For", "evil, 198.51.100.7")) for _ in range(3)),
    ):
        assert _forwarded(server, "198.51.100.7") == 429
        assert _forwarded(server, "198.51.100.7, 192.0.2.50") == 101


def _forwarded(server: ServerProcess, claimed: str) -> int:
    with server.connect() as connection:
        return connection.handshake(("X-Forwarded-For", claimed)).status


# -- frames beside the head --------------------------------------------------------------------


def test_frames_in_the_same_segment_as_the_head_are_acted_on_once_inside(
    server: ServerProcess,
) -> None:
    """Catalogue 27."""
    with server.connect() as connection:
        early = rawframes.text('{"type":"ping","id":"early"}')
        assert connection.ask(request(upgrade_headers(server.port)) + early * 3).status == 101
        assert connection.receive()["type"] == "connected"
        assert [connection.expect("pong")["id"] for _ in range(3)] == ["early"] * 3


def test_frames_beside_a_refused_head_are_never_acted_on(guarded: ServerProcess) -> None:
    """Catalogue 27."""
    early = rawframes.text('{"type":"chat","text":"from outside"}')
    with guarded.join(bearer(hmac_token(claims()))) as witness:
        with guarded.connect() as intruder:
            intruder.send(request(upgrade_headers(guarded.port)) + early)
            assert b" 401 " in intruder.read_until_end()
        witness.send_json({"type": "chat", "text": "from inside"})
        assert witness.expect("chat")["text"] == "from inside"


SLOW_DOOR = """
import asyncio, pathlib
import tidewire

app = tidewire.App()

@app.authenticate
async def decide(handshake):
    pathlib.Path("asked").touch()
    while not (decision := pathlib.Path("decision")).exists():
        await asyncio.sleep(0.01)
    return tidewire.User("ada") if decision.read_text() == "yes" else None
"""


def _frames_while_the_hook_decides(server: ServerProcess, connection: RawConnection) -> None:
    """Frames beside the head, and more of them, each a segment, while the hook is running."""
    early = rawframes.text('{"type":"chat","text":"early"}')
    connection.send(request(upgrade_headers(server.port)) + early)
    wait_until((server.folder / "asked").exists, "the hook is running")
    connection.trickle([early] * 4)


def test_frames_sent_while_a_hook_decides_are_acted_on_after_it_agreed() -> None:
    """Catalogue 27: none is lost, and they are acted on in order, after the greeting."""
    with ServerProcess(app=SLOW_DOOR) as server, server.connect() as connection:
        _frames_while_the_hook_decides(server, connection)
        assert not connection.has_input(), "nothing is answered before the decision"
        (server.folder / "decision").write_text("yes")
        assert connection.read_response().status == 101
        assert connection.receive()["type"] == "connected"
        seqs = [connection.expect("chat", text="early")["seq"] for _ in range(5)]
        assert seqs == [1, 2, 3, 4, 5]


def test_frames_sent_while_a_hook_decides_are_nothing_when_it_refused() -> None:
    """Catalogue 27."""
    with ServerProcess(app=SLOW_DOOR) as server:
        with server.connect() as intruder:
            _frames_while_the_hook_decides(server, intruder)
            (server.folder / "decision").write_text("no")
            assert b" 401 " in intruder.read_until_end()
        (server.folder / "decision").write_text("yes")
        with server.join() as witness:
            assert witness.connected["seq"] == 0, "nothing was ever published"


def test_whoever_leaves_while_a_hook_decides_leaves_nothing_behind() -> None:
    """Catalogue 27, 70: the hook's answer comes to a connection that has gone."""
    with ServerProcess("[limits]\nconnections_per_user = 1", app=SLOW_DOOR) as server:
        with server.connect() as impatient:
            _frames_while_the_hook_decides(server, impatient)
            impatient.reset()
        (server.folder / "decision").write_text("yes")
        wait_until(lambda: _is_let_in(server, "127.0.0.1"), "its place is free")


def test_a_request_behind_the_upgrade_is_not_taken_for_one(server: ServerProcess) -> None:
    """Catalogue 27: after the 101 there are only frames, and this is not one."""
    with server.connect() as connection:
        assert connection.ask(request(upgrade_headers(server.port)) + SMUGGLED).status == 101
        assert b"HTTP/1.1" not in connection.read_until_end()


# -- and in general ----------------------------------------------------------------------------


def test_every_refusal_says_the_same_generic_nothing(server: ServerProcess) -> None:
    """A peer at the door learns that it is shut, not why; a status has one body."""
    good = upgrade_headers(server.port)
    refused = [
        _upgrade(server, *replaced(good, "Sec-WebSocket-Key", "c2hvcnQ=")),
        _upgrade(server, *without(good, "Host")),
        _upgrade(server, *good, ("Sec-WebSocket-Key", new_key())),
    ]
    assert {(answer.status, answer.body) for answer in refused} == {(400, refused[0].body)}


@pytest.mark.parametrize("line", ["POST /ws HTTP/1.1", "GET /ws HTTP/1.0", "GET /ws HTTP/3.7"])
def test_only_a_get_of_http_1_1_can_be_upgraded(server: ServerProcess, line: str) -> None:
    assert 400 <= _upgrade(server, *upgrade_headers(server.port), line=line).status < 500


def test_noise_is_no_request_and_harms_nobody(server: ServerProcess) -> None:
    for noise in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\0" * 5000, b"\r\n" * 5000):
        with RawConnection(server.port) as connection:
            connection.trickle([noise], pause_s=0)
            connection.finish()
            assert b" 101 " not in connection.read_until_end()
