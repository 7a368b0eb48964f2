"""Attacks by behaviour, catalogue 66 to 72, 75 and 80, against a real server process.

Each peer follows the protocol to the letter, and is too much, too slow, too
many, too late or too curious. What is asserted is what the others receive, and
that the server's memory, descriptors and counts come back to where they were.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.support import rawframes
from tests.support.asynchronous import eventually, run, wait_until
from tests.support.processes import ServerProcess
from tests.support.rawframes import CLOSE, PING, PONG, TEXT, frame
from tests.support.tokens import SECRET, bearer, claims, hmac_token
from tests.support.wire import RawConnection, crowd, join, request, upgrade_headers
from tidewire.testing.proxy import FaultProxy

MIB = 1024 * 1024
SLOW_READER, TOKEN_EXPIRED, TOO_MANY_MESSAGES = 4008, 4001, 4029

OPEN_DOOR = """
[auth]
anonymous = true
[heartbeat]
interval_s = 3600
"""

NO_RATES = """
publications_per_s = 1e6
publications_burst = 1000000
publication_bytes_per_s = 1e9
publication_bytes_burst = 1000000000
user_publications_per_s = 1e6
user_publications_burst = 1000000
frames_per_s = 1e6
frames_burst = 1000000
subscribes_per_s = 1e6
subscribes_burst = 1000000
"""


def _server(limits: str = "", rest: str = "") -> ServerProcess:
    return ServerProcess(f"{OPEN_DOOR}\n[limits]\n{limits}\n{rest}")


# -- 66: floods of messages --------------------------------------------------------------------


@pytest.fixture(scope="module")
def process() -> Iterator[ServerProcess]:
    with _server() as server:
        yield server


def test_a_message_flood_is_told_when_to_come_back(process: ServerProcess) -> None:
    """Catalogue 66: what is within the burst is published, what is over it is not."""
    with process.join() as witness, process.join() as eager:
        eager.send(_chat("spam") * 50)
        error = eager.expect("error", code="rate_limited")
        assert error["retryAfter"] > 0
        assert eager.ask_json({"type": "ping"})["type"] == "pong"
        assert 40 <= _heard_before_marker(witness) < 50


def test_a_message_flood_that_goes_on_is_closed(process: ServerProcess) -> None:
    """Catalogue 66."""
    with process.join() as witness, process.join() as flooder:
        flooder.push(_chat("spam") * 1000)
        assert flooder.close_code().code == TOO_MANY_MESSAGES
        assert _heard_before_marker(witness) < 100
    assert process.metric("tidewire_connections_closed_total", code=str(TOO_MANY_MESSAGES)) > 0


def test_many_connections_of_one_user_have_one_users_rate() -> None:
    """Catalogue 66: ten connections, each within its own burst."""
    rates = "user_publications_per_s = 0.001\nuser_publications_burst = 50"
    config = f'[auth]\nsecrets = ["{SECRET}"]\n[limits]\n{rates}'
    with ServerProcess(config) as server, ExitStack() as stack:
        ada, bob = (bearer(hmac_token(claims(sub=name))) for name in ("ada", "bob"))
        witness = stack.enter_context(server.join(bob))
        for _ in range(10):
            stack.enter_context(server.join(ada)).send(_chat("spam") * 10)
        wait_until(lambda: server.metric("tidewire_messages_received_total") >= 100)
        assert _heard_before_marker(witness) == 50


LARGE = 65_000
ALLOWED, REFUSED = 8, 20
"""Of large messages at once: half a MiB goes out, and 20 refusals do not cost the connection."""


def test_a_burst_of_large_messages_closes_nobody_who_looks_away() -> None:
    """Catalogue 66: 1.8 MB together, more than a reader's queue and the kernel hold for it."""
    with (
        _server("publication_bytes_per_s = 1\nqueue_age_s = 3600") as server,
        server.join(receive_buffer_bytes=4096) as reader,
        server.join() as eager,
    ):
        large = {"type": "chat", "text": "x" * LARGE}
        answers = [eager.ask_json(large) for _ in range(ALLOWED + REFUSED)]
        assert [each["type"] for each in answers] == ["published"] * ALLOWED + ["error"] * REFUSED
        assert all(error["retryAfter"] > 0 for error in answers[ALLOWED:])
        for _ in range(ALLOWED):
            assert len(reader.expect("chat")["text"]) == LARGE
        assert reader.ask_json({"type": "ping"})["type"] == "pong"


def _chat(text: str) -> bytes:
    return rawframes.text(json.dumps({"type": "chat", "text": text}))


def _heard_before_marker(witness: RawConnection) -> int:
    """How many chats came before one the witness sends now."""
    witness.send(_chat("marker"))
    heard = 0
    while witness.expect("chat")["text"] != "marker":
        heard += 1
    return heard


# -- 67 and 68: slow readers -------------------------------------------------------------------

MESSAGES = 2000
SLOW_LIMITS = NO_RATES + "\nmessage_bytes = 16384\nqueue_bytes = 65536\nqueue_age_s = 3600"


def test_a_slow_reader_is_cut_to_recover_and_nobody_waits_for_it() -> None:
    """Catalogue 67: it loses nothing of what it was sent, and is told why it is closed.

    Twenty megabytes, of which the kernel and a queue of 64 KiB hold a part.
    """
    with (
        _server(SLOW_LIMITS) as server,
        server.join(receive_buffer_bytes=4096) as slow,
        server.join() as talker,
        server.join() as other,
    ):
        before = server.resident_bytes()
        for number in range(MESSAGES):
            talker.send(_chat(f"{number:06} " + "x" * 10_000))
            assert other.expect("chat")["text"].startswith(f"{number:06} ")
            talker.expect("chat")
        assert server.metric("tidewire_connections_closed_total", code=str(SLOW_READER)) == 1
        assert server.resident_bytes() - before < 32 * MIB
        _assert_cut_without_a_hole(slow)


def _assert_cut_without_a_hole(slow: RawConnection) -> None:
    seqs = [slow.connected["seq"]]
    for one in slow.frames_until_end():
        if one.opcode == CLOSE:
            assert int.from_bytes(one.payload[:2]) == SLOW_READER
        elif b'"type":"chat"' in one.payload[:100]:
            seqs.append(json.loads(one.payload)["seq"])
    assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))
    assert len(seqs) < MESSAGES


def test_a_reader_that_was_cut_comes_back_and_misses_nothing() -> None:
    """Catalogue 67: the code says "come back and recover", and that works."""
    limits = NO_RATES + "\nmessage_bytes = 16384\nqueue_bytes = 65536"
    with _server(limits, "[history]\nsize = 10000") as server, server.join() as talker:
        with server.join(receive_buffer_bytes=4096) as slow:
            wait_until(lambda: _talk_until_cut(server, talker), "the slow reader is cut")
            seen = slow.connected["seq"]
            for one in slow.frames_until_end():
                if b'"type":"chat"' in one.payload[:100]:
                    seen = json.loads(one.payload)
        since = {"epoch": talker.connected["epoch"], "seq": seen["seq"], "tag": seen["tag"]}
        with server.join() as again:
            again.send_json({"type": "subscribe", "channel": "lobby", "since": since})
            assert again.expect("subscribed")["recovery"] == "complete"


def _talk_until_cut(server: ServerProcess, talker: RawConnection) -> bool:
    for _ in range(50):
        talker.ask_json({"type": "chat", "text": "x" * 10_000})
    return server.metric("tidewire_connections_closed_total", code=str(SLOW_READER)) == 1


def test_a_reader_that_stands_still_is_cut_for_its_age() -> None:
    """Catalogue 67: whatever its queue holds, and though it goes on sending."""
    limits = NO_RATES + "\nqueue_bytes = 1073741824\nqueue_age_s = 0.3"
    with (
        _server(limits) as server,
        server.join(receive_buffer_bytes=4096) as stuck,
        server.join() as talker,
    ):
        wait_until(lambda: _talk_until_cut(server, talker), "the reader that stands still is cut")
        assert stuck.frames_until_end()


def test_a_reader_with_a_closed_window_is_hung_up_on() -> None:
    """Catalogue 68: it will never take the Close frame either, so its socket is aborted."""
    with _server(SLOW_LIMITS) as server, server.join() as talker:
        files = server.open_files()
        with server.join(receive_buffer_bytes=4096):
            assert server.open_files() == files + 1
            wait_until(lambda: _talk_until_cut(server, talker), "the zero-window reader is cut")
            wait_until(lambda: server.open_files() == files, "its descriptor is free")


def test_a_sender_that_never_reads_is_not_read_either() -> None:
    """Catalogue 67: each of its commands wants an answer, and none is ever taken."""
    with (
        _server(NO_RATES + "\nqueue_age_s = 3600") as server,
        server.join(receive_buffer_bytes=4096) as rude,
    ):
        before = server.resident_bytes()
        ping = rawframes.text('{"type":"ping","id":"' + "x" * 60 + '"}')
        assert rude.push(ping * 1000, times=2000) < 2000
        assert server.resident_bytes() - before < 16 * MIB


# -- 69: peers that vanish ---------------------------------------------------------------------


HEARTBEAT = "[auth]\nanonymous = true\n[heartbeat]\ninterval_s = 1\ntimeout_s = 3"


def test_a_peer_that_vanished_is_noticed_and_announced() -> None:
    """Catalogue 69: no FIN, no RST, no answer; only the heartbeat can tell."""
    with ServerProcess(HEARTBEAT) as server:
        run(_vanish(server))


async def _vanish(server: ServerProcess) -> None:
    """The test's own connections block, so threads read them while the loop runs the proxy."""
    async with FaultProxy(server.port) as proxy:
        with server.join() as witness, await asyncio.to_thread(join, proxy.port) as gone:
            user_id = gone.connected["userId"]
            witness.expect("user_joined", userId=user_id)
            proxy.black_hole()
            await asyncio.to_thread(witness.expect, "user_left", userId=user_id)
            await eventually(lambda: proxy.down.swallowed_bytes, "the server's ping was swallowed")


def test_a_peer_that_answers_pings_stays_for_as_long_as_it_likes() -> None:
    """Catalogue 69: the heartbeat must not cut who is merely silent."""
    with ServerProcess(HEARTBEAT) as server, server.join() as quiet:
        for _ in range(3):
            while (found := quiet.read_frame()).opcode != PING:
                pass
            quiet.send(frame(PONG, found.payload))
        assert quiet.ask_json({"type": "ping"})["type"] == "pong"


def test_any_frame_is_a_sign_of_life() -> None:
    """A browser cannot see pings; one that talks is alive though its pongs are lost."""
    with ServerProcess(HEARTBEAT) as server, server.join() as talker:
        talker.answers_pings = False
        until = time.monotonic() + 6
        while time.monotonic() < until:
            assert talker.ask_json({"type": "ping"})["type"] == "pong"
            talker.has_input(within_s=0.1)


# -- 70 to 72: many ----------------------------------------------------------------------------


def test_coming_and_going_leaves_nothing_behind() -> None:
    """Catalogue 70: however they go."""
    with _server("connections_per_ip = 1000", '[[channels]]\npattern = "lobby"\n'
                 '[[channels]]\npattern = "room:*"') as server:  # fmt: skip
        _churn(server, 200)
        files, memory = server.open_files(), server.resident_bytes()
        _churn(server, 1000)
        wait_until(lambda: server.metric("tidewire_connections") == 0, "nobody is counted")
        wait_until(lambda: server.open_files() <= files, "descriptors are back")
        assert server.metric("tidewire_channels") <= 1, "only the lobby is left"
        assert server.resident_bytes() - memory < 8 * MIB


def _churn(server: ServerProcess, times: int) -> None:
    for number in range(times):
        connection = server.join()
        connection.send_json({"type": "subscribe", "channel": f"room:{number}"})
        _leave(connection, number % 5)
    wait_until(lambda: server.metric("tidewire_connections") == 0, "all are gone")


def _leave(connection: RawConnection, how: int) -> None:
    """Politely, without a word, by RST, in the middle of a message, or for a violation."""
    if how == 0:
        connection.send(rawframes.close(1000))
        connection.frames_until_end()
    elif how == 2:
        connection.reset()
    elif how == 3:
        connection.send(frame(TEXT, b"{", fin=False))
    elif how == 4:
        connection.send(frame(TEXT, mask=b""))
    connection.socket.close()


def test_half_finished_handshakes_leave_nothing_behind() -> None:
    """Catalogue 70: those who leave before they are in count as little."""
    with _server("unfinished_handshakes_per_ip = 10") as server:
        files = server.open_files()
        head = request(upgrade_headers(server.port))
        for size in (0, 1, 20, len(head) - 1):
            for _ in range(30):
                with server.connect() as connection:
                    connection.trickle([head[:size]] if size else [], pause_s=0)
                wait_until(lambda: server.open_files() <= files, "the descriptor is free")
        with server.join() as newcomer:
            assert newcomer.ask_json({"type": "ping"})["type"] == "pong"


def test_subscriptions_are_limited_per_connection(process: ServerProcess) -> None:
    """Catalogue 71: the lobby and 127 more; giving one up makes room for one."""
    with (
        _server("subscriptions = 10", '[[channels]]\npattern = "lobby"\n'
                '[[channels]]\npattern = "room:*"') as server,
        server.join() as greedy,
    ):  # fmt: skip
        answers = [
            greedy.ask_json({"type": "subscribe", "channel": f"room:{number}"})
            for number in range(12)
        ]
        kinds = [answer.get("code", answer["type"]) for answer in answers]
        assert kinds == ["subscribed"] * 9 + ["limit"] * 3
        greedy.ask_json({"type": "unsubscribe", "channel": "room:0"})
        again = greedy.ask_json({"type": "subscribe", "channel": "room:99"})
        assert again["type"] == "subscribed"


def test_a_hundred_thousand_channel_names_cost_bounded_memory() -> None:
    """Catalogue 71: subscribed to and given up again, one after the other."""
    with (
        _server(NO_RATES, '[[channels]]\npattern = "room:*"') as server,
        server.join() as curious,
    ):
        _visit_rooms(curious, range(5000))
        before = server.resident_bytes()
        _visit_rooms(curious, range(5000, 30_000))
        assert server.resident_bytes() - before < 12 * MIB


def _visit_rooms(visitor: RawConnection, numbers: range) -> None:
    for start in range(numbers.start, numbers.stop, 100):
        for number in range(start, start + 100):
            channel = f"room:{number}-{'x' * 200}"
            visitor.send_json({"type": "subscribe", "channel": channel})
            visitor.send_json({"type": "unsubscribe", "channel": channel})
        for _ in range(100):
            visitor.expect("unsubscribed")


def test_a_herd_that_comes_back_at_once_recovers_whole() -> None:
    """Catalogue 72: sixty handshakes and recoveries, all sent before the first is answered."""
    with _server("unfinished_handshakes_per_ip = 1000") as server, server.join() as talker:
        since = {key: talker.connected[key] for key in ("epoch", "seq", "tag")}
        texts = [str(number) for number in range(30)]
        for text in texts:
            assert talker.ask_json({"type": "chat", "text": text})["type"] == "published"
        recover = json.dumps({"type": "subscribe", "channel": "lobby", "since": since})
        head = request(upgrade_headers(server.port)) + rawframes.text(recover)
        with crowd(server.connect() for _ in range(60)) as herd:
            for one in herd:
                one.send(head)
            for one in herd:
                assert _recovered(one) == texts


def _recovered(connection: RawConnection) -> list[str]:
    assert connection.read_response().status == 101
    answer = connection.expect("subscribed")
    assert answer["recovery"] == "complete"
    return [entry["text"] for entry in answer["messages"]]


def test_who_does_not_fit_in_is_told_to_come_later() -> None:
    """Catalogue 72: the whole process's limit; and a place that is given up is free at once."""
    with _server("connections = 3") as server, ExitStack() as stack:
        inside = [stack.enter_context(server.join()) for _ in range(3)]
        with server.connect() as late:
            answer = late.handshake()
            assert answer.status == 503
            assert int(answer.header("retry-after") or 0) >= 1
        inside[0].socket.close()
        wait_until(lambda: _gets_in(server), "the free place is taken")


def _gets_in(server: ServerProcess) -> bool:
    with server.connect() as connection:
        return connection.handshake().status == 101


# -- 75 and 80: rights -------------------------------------------------------------------------


def test_a_token_that_runs_out_ends_its_connection() -> None:
    """Catalogue 75: whether it is busy or silent, and nothing reaches it afterwards."""
    config = f'[auth]\nsecrets = ["{SECRET}"]\nleeway_s = 0'
    with ServerProcess(config) as server:
        soon = int(time.time()) + 6
        short = bearer(hmac_token(claims(sub="short", exp=soon)))
        with server.join(short) as silent, server.join(bearer(hmac_token(claims()))) as other:
            assert silent.connected["expiresAt"] == soon
            assert silent.close_code().code == TOKEN_EXPIRED
            assert time.time() >= soon
            other.expect("user_left", userId="short")
        with server.connect() as again:
            assert again.handshake(short).status == 401


def test_a_token_that_is_refreshed_in_time_goes_on() -> None:
    """Catalogue 75."""
    config = f'[auth]\nsecrets = ["{SECRET}"]\nleeway_s = 0'
    with ServerProcess(config) as server:
        soon = int(time.time()) + 6
        with server.join(bearer(hmac_token(claims(exp=soon)))) as connection:
            newer = hmac_token(claims())
            assert connection.ask_json({"type": "refresh", "token": newer})["type"] == "refreshed"
            wait_until(lambda: time.time() > soon + 1, "the first token has run out")
            assert connection.ask_json({"type": "ping"})["type"] == "pong"


@pytest.mark.parametrize("token", ["another user's", "expired", "forged", "rubbish"])
def test_a_refresh_with_a_wrong_token_changes_nothing(token: str) -> None:
    """Catalogue 75."""
    wrong = {
        "another user's": hmac_token(claims(sub="bob")),
        "expired": hmac_token(claims(exp=int(time.time()) - 3600)),
        "forged": hmac_token(claims(), secret="x" * 32),
        "rubbish": "x" * 8192,
    }[token]
    with (
        ServerProcess(f'[auth]\nsecrets = ["{SECRET}"]') as server,
        server.join(bearer(hmac_token(claims()))) as connection,
    ):
        answer = connection.ask_json({"type": "refresh", "token": wrong})
        assert (answer["type"], answer["code"]) == ("error", "forbidden")
        assert connection.ask_json({"type": "ping"})["type"] == "pong"


@pytest.mark.parametrize("kind", ["subscribe", "publish", "history", "presence"])
def test_a_channel_that_is_forbidden_looks_like_one_that_is_not_there(kind: str) -> None:
    """Catalogue 73, 74, 80: on every path the same answer, to the letter."""
    channels = """
        [[channels]]
        pattern = "secret"
        may_subscribe = "nobody"
        may_publish = "nobody"
    """
    with _server(rest=channels) as server, server.join() as curious:
        answers = [
            curious.ask_json({"type": kind, "channel": name, "data": 1, "id": 7})
            for name in ("secret", "absent")
        ]
        assert answers[0] == answers[1]
        assert answers[0]["code"] == "forbidden"


def test_a_byte_a_second_costs_the_others_nothing(process: ServerProcess) -> None:
    """The slowest of senders, fifty of them, and one who chats."""
    message = _chat("x" * 200)
    with crowd(process.join() for _ in range(50)) as slow, process.join() as talker:
        for byte in range(20):
            for one in slow:
                one.send(message[byte : byte + 1])
            assert talker.ask_json({"type": "ping"})["type"] == "pong"


def test_many_small_reads_do_not_hold_on_to_many_messages(process: ServerProcess) -> None:
    """Sixty-four unfinished messages of nearly 64 KiB are the most they can pin."""
    before = process.resident_bytes()
    almost = frame(TEXT, b"x" * 65_000)[:-1]
    with crowd(process.join() for _ in range(64)) as slow:
        for one in slow:
            one.send(almost)
        wait_until(lambda: process.metric("tidewire_received_bytes_total") >= 64 * 65_000)
        assert process.resident_bytes() - before < 64 * 65_000 * 3
