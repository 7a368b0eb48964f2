"""Attacks with frames, catalogue 29 to 47, against a real server process.

The parser has its own tests; here it is shown that the process survives, what
goes over the wire, and that nothing behind the attack is acted on.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from itertools import repeat
from threading import Event, Thread
from time import monotonic

import pytest

from tests.support import rawframes
from tests.support.asynchronous import wait_until
from tests.support.processes import ServerProcess
from tests.support.rawframes import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, frame
from tests.support.wire import Closed, RawConnection, crowd

MIB = 1024 * 1024
MAX_MESSAGE_BYTES = 64 * 1024
MAX_FRAGMENTS = 128

PROTOCOL_ERROR, INVALID_DATA, TOO_LARGE, TOO_MANY_MESSAGES = 1002, 1007, 1009, 4029

CHAT = rawframes.text('{"type":"chat","text":"must never be seen"}')


@pytest.fixture(scope="module")
def process() -> Iterator[ServerProcess]:
    with ServerProcess("[auth]\nanonymous = true\n[heartbeat]\ninterval_s = 3600") as server:
        yield server


@pytest.fixture
def server(process: ServerProcess) -> Iterator[ServerProcess]:
    """A server on which a witness sees nothing of an attack, and chats on after it."""
    with process.join() as witness:
        yield process
        witness.send_json({"type": "chat", "text": "still here"})
        assert witness.expect("chat")["text"] == "still here"


def _fatal(server: ServerProcess, *attack: bytes, follow: bytes = CHAT) -> int:
    """The code with which an attack, and a chat in the same segment, is closed.

    Nothing may follow the Close frame, and the server has to hang up.
    """
    with server.join() as connection:
        connection.send(b"".join(attack) + follow)
        return _code_at_the_end(connection)


def _code_at_the_end(connection: RawConnection) -> int:
    *before, last = connection.frames_until_end()
    assert last.opcode == CLOSE, (before, last)
    assert CLOSE not in [one.opcode for one in before]
    assert len(last.payload) > 2, "every close says why"
    return int.from_bytes(last.payload[:2])


# -- 29 to 35: the head of a frame -------------------------------------------------------------


@pytest.mark.parametrize("opcode", [TEXT, BINARY, PING, CLOSE])
def test_an_unmasked_frame_is_fatal(server: ServerProcess, opcode: int) -> None:
    """Catalogue 29."""
    assert _fatal(server, frame(opcode, mask=b"")) == PROTOCOL_ERROR


@pytest.mark.parametrize("rsv", range(1, 8))
def test_a_reserved_bit_is_fatal(server: ServerProcess, rsv: int) -> None:
    """Catalogue 30."""
    assert _fatal(server, frame(TEXT, b"{}", rsv=rsv)) == PROTOCOL_ERROR


@pytest.mark.parametrize("opcode", [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
def test_an_unknown_opcode_is_fatal(server: ServerProcess, opcode: int) -> None:
    """Catalogue 30."""
    assert _fatal(server, frame(opcode)) == PROTOCOL_ERROR


@pytest.mark.parametrize("length", [1 << 63, (1 << 64) - 1])
def test_a_length_with_its_top_bit_set_is_fatal(server: ServerProcess, length: int) -> None:
    """Catalogue 31."""
    field = b"\x7f" + length.to_bytes(8)
    assert _fatal(server, frame(TEXT, length=field)) == PROTOCOL_ERROR


@pytest.mark.parametrize("length", [MAX_MESSAGE_BYTES + 1, 1 << 40, (1 << 63) - 1])
def test_an_announced_giant_is_refused_from_its_header(server: ServerProcess, length: int) -> None:
    """Catalogue 32: nothing of it ever comes, and nothing is allocated for it."""
    before = server.resident_bytes()
    field = b"\x7f" + length.to_bytes(8)
    assert _fatal(server, frame(BINARY, length=field), follow=b"") == TOO_LARGE
    assert server.resident_bytes() - before < 4 * MIB


@pytest.mark.parametrize(
    "length", [b"\x7e\x00\x05", b"\x7e\x00\x7d", b"\x7f" + (5).to_bytes(8), b"\x7f" + b"\0" * 8]
)
def test_a_length_in_more_bytes_than_it_needs_is_fatal(
    server: ServerProcess, length: bytes
) -> None:
    """Catalogue 33."""
    size = int.from_bytes(length[1:])
    assert _fatal(server, frame(TEXT, b" " * size, length=length)) == PROTOCOL_ERROR


@pytest.mark.parametrize("opcode", [CLOSE, PING, PONG])
def test_a_control_frame_is_short_and_whole(server: ServerProcess, opcode: int) -> None:
    """Catalogue 34."""
    assert _fatal(server, frame(opcode, b"\x03\xe8", fin=False)) == PROTOCOL_ERROR
    assert _fatal(server, frame(opcode, b"\x03\xe8" + b"x" * 124)) == PROTOCOL_ERROR


def test_data_between_fragments_is_fatal(server: ServerProcess) -> None:
    """Catalogue 35."""
    assert _fatal(server, frame(TEXT, b"{", fin=False), frame(TEXT, b"}")) == PROTOCOL_ERROR


def test_a_continuation_of_nothing_is_fatal(server: ServerProcess) -> None:
    """Catalogue 35."""
    assert _fatal(server, frame(CONTINUATION, b"}")) == PROTOCOL_ERROR


# -- 36 to 39: messages in pieces --------------------------------------------------------------


def test_fragments_are_limited_by_their_total(server: ServerProcess) -> None:
    """Catalogue 36: each is small, and there is no end to them."""
    piece = b" " * (MAX_MESSAGE_BYTES // 8)
    endless = [frame(TEXT, piece, fin=False), *repeat(frame(CONTINUATION, piece, fin=False), 8)]
    assert _fatal(server, *endless) == TOO_LARGE


@pytest.mark.parametrize("piece", [b"", b" "])
def test_fragments_are_limited_in_number(server: ServerProcess, piece: bytes) -> None:
    """Catalogue 37: one more than the limit, and not one less."""
    first, more = frame(TEXT, piece, fin=False), frame(CONTINUATION, piece, fin=False)
    assert _fatal(server, first, *repeat(more, MAX_FRAGMENTS)) == TOO_LARGE
    with server.join() as patient:
        last = frame(CONTINUATION, b'{"type":"ping"}')
        patient.send(first + more * (MAX_FRAGMENTS - 2) + last)
        assert patient.expect("pong")


@pytest.mark.parametrize(
    "unfinished",
    [
        frame(TEXT, b"{", fin=False),
        frame(TEXT, b"{" * 60_000)[:-1],
        frame(TEXT, b"{")[:1],
        frame(TEXT, b"{" * 60_000)[:5],
        frame(PING, b"1234")[:-1],
    ],
    ids=["a fragment", "all but a byte", "one byte", "half a head", "half a ping"],
)
def test_a_message_that_is_never_finished_is_not_waited_for(unfinished: bytes) -> None:
    """Catalogue 38: however much of it has come; and small pieces do not buy more time."""
    with (
        ServerProcess("[auth]\nanonymous = true\n[limits]\nunfinished_message_s = 0.3") as server,
        server.join() as connection,
    ):
        connection.send(unfinished)
        assert connection.close_code().code == 1008


def test_a_message_that_trickles_is_not_waited_for() -> None:
    """Catalogue 38: a deadline per byte would let it last for hours."""
    with (
        ServerProcess("[auth]\nanonymous = true\n[limits]\nunfinished_message_s = 0.3") as server,
        server.join() as connection,
    ):
        message = frame(TEXT, b" " * 60_000)
        sent = connection.trickle(message[index : index + 1] for index in range(len(message)))
        assert 2 < sent < len(message)
        assert connection.close_code().code == 1008


@pytest.mark.parametrize(
    "text",
    [
        b"\xff",
        b"\xc0\xaf",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\xf8\x88\x80\x80\x80",
        b"\xe2\x82",
        b'{"type":"chat","text":"\xe2\x28\xa1"}',
    ],
    ids=["no start", "overlong", "surrogate", "beyond", "five bytes", "unfinished", "inside"],
)
def test_text_that_is_not_utf8_is_fatal_however_it_is_cut(
    server: ServerProcess, text: bytes
) -> None:
    """Catalogue 39."""
    assert _fatal(server, frame(TEXT, text)) == INVALID_DATA
    for cut in range(1, len(text)):
        first, last = frame(TEXT, text[:cut], fin=False), frame(CONTINUATION, text[cut:])
        assert _fatal(server, first, last) == INVALID_DATA


def test_wrong_text_is_seen_at_its_byte_and_not_at_its_end(server: ServerProcess) -> None:
    """Catalogue 39: the rest of the message never comes."""
    assert _fatal(server, frame(TEXT, b"ok \xff", fin=False), follow=b"") == INVALID_DATA
    assert _fatal(server, frame(TEXT, b"\xff" + b" " * 60_000)[:2000], follow=b"") == INVALID_DATA


# -- 40 and 41: floods -------------------------------------------------------------------------


def test_a_ping_flood_is_ended_and_nobody_waits_for_it(server: ServerProcess) -> None:
    """Catalogue 40: unlimited, it held everybody's round trip for one to three seconds."""
    ended: list[Closed] = []
    over = Event()
    flood = Thread(target=_flood_and_read, args=(server, ended, over))
    flood.start()
    try:
        with server.join() as other:
            longest_s = max(_round_trip_s(other) for _ in range(150))
    finally:
        over.set()
        flood.join()
    assert {one.code for one in ended} == {TOO_MANY_MESSAGES}
    assert longest_s < 2


def _flood_and_read(server: ServerProcess, ended: list[Closed], over: Event) -> None:
    pings = frame(PING, b"x") * 10_000
    while not ended or not over.is_set():
        with server.join() as attacker:
            attacker.push(pings)
            ended.append(attacker.close_code())


def _round_trip_s(connection: RawConnection) -> float:
    started_at = monotonic()
    connection.ask_json({"type": "ping"})
    return monotonic() - started_at


@pytest.mark.parametrize(
    "piece",
    [
        frame(PING, b"x"),
        frame(TEXT, b'{"type":"ping"}'),
        frame(TEXT, b"rubbish"),
        frame(TEXT, b" ", fin=False)
        + frame(CONTINUATION, b" ", fin=False) * 99
        + frame(CONTINUATION),
        frame(TEXT, mask=b""),
    ],
    ids=["pings", "commands", "rubbish", "fragments", "violations"],
)
def test_a_flood_costs_nothing_once_it_has_been_closed(server: ServerProcess, piece: bytes) -> None:
    """Catalogue 40: sixteen MiB are millions of frames; parsing them all takes ten seconds."""
    used_s = server.cpu_s()
    flood = piece * (64 * 1024 // len(piece))
    with crowd(server.join() for _ in range(4)) as flooders:
        for one in flooders:
            one.push(flood, times=64, patience_s=0.5)
        assert all(one.close_code().code in (1002, 1008, 4029) for one in flooders)
    assert server.cpu_s() - used_s < 2


@pytest.mark.parametrize("payload", [b"x" * 10, b"x" * 125])
def test_a_ping_flood_that_is_never_read_costs_bounded_memory(payload: bytes) -> None:
    """Catalogue 41, with the frame budget lifted: what is left is that reading pauses."""
    config = "[auth]\nanonymous = true\n[limits]\nframes_per_s = 1e9\nframes_burst = 1000000000"
    with ServerProcess(config) as server, server.join(receive_buffer_bytes=4096) as attacker:
        before = server.resident_bytes()
        assert attacker.push(frame(PING, payload) * 500, times=2000) < 2000
        assert server.resident_bytes() - before < 16 * MIB
        with server.join() as other:
            assert other.ask_json({"type": "ping"})["type"] == "pong"


def test_what_follows_a_violation_is_not_even_kept(server: ServerProcess) -> None:
    """Catalogue 47: a peer that is being closed may go on sending until it is hung up on."""
    before = server.resident_bytes()
    with server.join() as attacker:
        attacker.send(frame(TEXT, mask=b""))
        attacker.push(b"\0" * MIB, times=200)
        assert server.resident_bytes() - before < 16 * MIB


# -- 42 to 44: compression ---------------------------------------------------------------------

DEFLATE = ("Sec-WebSocket-Extensions", "permessage-deflate")


@pytest.fixture(scope="module")
def compressing() -> Iterator[ServerProcess]:
    with ServerProcess("[auth]\nanonymous = true\n[compression]\nenabled = true") as server:
        yield server


def _deflated(data: bytes) -> bytes:
    """A message's payload (RFC 7692 section 7.2.1)."""
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = deflater.compress(data) + deflater.flush(zlib.Z_SYNC_FLUSH)
    return packed.removesuffix(b"\0\0\xff\xff")


def _compressed_fatal(server: ServerProcess, *attack: bytes) -> int:
    with server.connect() as connection:
        answer = connection.handshake(DEFLATE)
        assert (answer.header("sec-websocket-extensions") or "").startswith("permessage-deflate")
        connection.send(b"".join(attack))
        return _code_at_the_end(connection)


def test_a_deflate_bomb_is_refused_at_its_inflated_size(compressing: ServerProcess) -> None:
    """Catalogue 42: 60 KiB that become 60 MiB."""
    bomb = _deflated(b"\0" * (60 * MIB))
    assert len(bomb) < MAX_MESSAGE_BYTES
    before = compressing.resident_bytes()
    assert _compressed_fatal(compressing, frame(TEXT, bomb, rsv=4)) == TOO_LARGE
    halves = frame(TEXT, bomb[:999], rsv=4, fin=False), frame(CONTINUATION, bomb[999:])
    assert _compressed_fatal(compressing, *halves) == TOO_LARGE
    assert compressing.resident_bytes() - before < 8 * MIB


def test_what_does_not_inflate_is_fatal(compressing: ServerProcess) -> None:
    """Catalogue 42."""
    code = _compressed_fatal(compressing, frame(TEXT, b"\xff" * 100, rsv=4))
    assert code in (PROTOCOL_ERROR, INVALID_DATA)


def test_a_compressed_continuation_is_fatal(compressing: ServerProcess) -> None:
    """Catalogue 43 (RFC 7692 section 6.1: only the first frame carries the bit)."""
    half = _deflated(b"{}")
    attack = frame(TEXT, half[:1], rsv=4, fin=False), frame(CONTINUATION, half[1:], rsv=4)
    assert _compressed_fatal(compressing, *attack) == PROTOCOL_ERROR
    assert _compressed_fatal(compressing, frame(PING, b"", rsv=4)) == PROTOCOL_ERROR


@pytest.mark.parametrize(
    "offer",
    [
        "server_max_window_bits=7",
        "server_max_window_bits=16",
        "server_max_window_bits=08",
        "server_max_window_bits",
        "client_max_window_bits=99999999999",
        "server_no_context_takeover=1",
        "unknown_parameter",
        "server_max_window_bits=10; server_max_window_bits=11",
    ],
)
def test_an_offer_that_breaks_the_rules_is_declined(compressing: ServerProcess, offer: str) -> None:
    """Catalogue 43 (RFC 7692 section 7.1: such an offer is declined, not the connection)."""
    with compressing.connect() as connection:
        answer = connection.handshake((DEFLATE[0], f"permessage-deflate; {offer}"))
        assert answer.status in (101, 400)
        assert answer.header("sec-websocket-extensions") is None


def test_compression_is_off_unless_configured(server: ServerProcess) -> None:
    """Catalogue 44: a secret beside a stranger's text would show in the sizes."""
    with server.connect() as connection:
        answer = connection.handshake(DEFLATE)
        assert answer.status == 101
        assert answer.header("sec-websocket-extensions") is None


# -- 45 to 47: closing -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "code", [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535]
)
def test_a_close_code_nobody_may_send_is_fatal(server: ServerProcess, code: int) -> None:
    """Catalogue 45."""
    assert _fatal(server, rawframes.close(code)) == PROTOCOL_ERROR


def test_a_close_with_half_a_code_is_fatal(server: ServerProcess) -> None:
    """Catalogue 45."""
    assert _fatal(server, frame(CLOSE, b"\x03")) == PROTOCOL_ERROR


def test_a_close_reason_that_is_not_utf8_is_fatal(server: ServerProcess) -> None:
    """Catalogue 45."""
    assert _fatal(server, rawframes.close(1000, b"\xce\xba\xff")) == INVALID_DATA


@pytest.mark.parametrize("code", [1000, 1001, 1011, 3000, 4999])
def test_a_proper_close_is_answered_in_kind(server: ServerProcess, code: int) -> None:
    with server.join() as connection:
        connection.send(rawframes.close(code, b"good night"))
        [answer] = connection.frames_until_end()
        assert (answer.opcode, answer.payload[:2]) == (CLOSE, code.to_bytes(2))


def test_what_follows_a_close_is_ignored(server: ServerProcess) -> None:
    """Catalogue 46: data, another Close, and rubbish."""
    with server.join() as connection:
        connection.send(rawframes.close(1000) + CHAT + rawframes.close(4000) + b"\xff" * 100)
        [answer] = connection.frames_until_end()
        assert answer.payload == (1000).to_bytes(2)


def test_a_peer_that_never_answers_a_close_is_hung_up_on(process: ServerProcess) -> None:
    """Catalogue 46: it neither reads nor leaves, and its descriptor is free again all the same."""
    with process.join():
        before = process.open_files()
        with process.join() as stubborn:
            assert process.open_files() == before + 1
            stubborn.send(frame(TEXT, mask=b""))
            wait_until(lambda: process.open_files() == before, "the descriptor is free")


def test_what_came_before_a_violation_counts_and_nothing_after(process: ServerProcess) -> None:
    """Catalogue 47, all in one segment."""
    good, fatal = rawframes.text('{"type":"chat","text":"before"}'), frame(TEXT, mask=b"")
    with process.join() as witness:
        assert _fatal(process, good, fatal) == PROTOCOL_ERROR
        witness.send_json({"type": "chat", "text": "a marker"})
        assert witness.expect("chat")["text"] == "before"
        assert witness.expect("chat")["text"] == "a marker"
