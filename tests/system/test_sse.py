"""Event streams of a real server: told in order, exact after a cut, and nobody's way around."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from tests.support.asynchronous import wait_until
from tests.support.listening import RawStream
from tests.support.processes import ServerProcess
from tests.support.wire import RawConnection, crowd, request

CONFIG = """
[auth]
anonymous = true
[limits]
publications_per_s = 100000
publications_burst = 100000
user_publications_per_s = 100000
user_publications_burst = 100000
frames_per_s = 100000
frames_burst = 100000
publication_bytes_per_s = 1e9
publication_bytes_burst = 1000000000
unfinished_handshakes_per_ip = 1000
[heartbeat]
interval_s = 1
timeout_s = 1
[[channels]]
pattern = "vault"
may_subscribe = "nobody"
[[channels]]
pattern = "room:{name}"
history_size = 1000
"""


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    with ServerProcess(CONFIG) as running:
        yield running


def _publish(speaker: RawConnection, channel: str, *numbers: int) -> None:
    for number in numbers:
        speaker.ask_json({"type": "publish", "channel": channel, "data": number})


def _numbers(stream: RawStream, until: int) -> list[int]:
    found: list[int] = []
    while until not in found:
        found.append(stream.expect_event("message")["data"])
    return found


def test_a_stream_is_greeted_subscribed_and_told_what_is_published(server: ServerProcess) -> None:
    with RawStream(server.port) as stream, server.join() as speaker:
        response = stream.open("room:told", "room:other")
        assert response.header("content-type") == "text/event-stream"
        assert response.header("x-accel-buffering") == "no"
        assert "no-cache" in str(response.header("cache-control"))
        assert stream.expect_event("connected")["clientId"]
        assert stream.expect_event("subscribed")["channel"] == "room:told"
        assert stream.expect_event("subscribed")["channel"] == "room:other"
        _publish(speaker, "room:told", 1)
        assert stream.expect_event("message", channel="room:told")["data"] == 1
        assert stream.retry_ms


def test_whoever_is_cut_off_comes_back_to_exactly_what_it_missed(server: ServerProcess) -> None:
    """Catalogue 77: in all of its channels, and with the id that a browser keeps."""
    with server.join() as speaker:
        speaker.ask_json({"type": "subscribe", "channel": "room:cut2"})  # else freed, as idle
        with RawStream(server.port) as stream:
            stream.open("room:cut", "room:cut2")
            stream.expect_event("subscribed", channel="room:cut2")
            _publish(speaker, "room:cut", 1, 2)
            assert _numbers(stream, 2) == [1, 2]
            kept = stream.last_id
        _publish(speaker, "room:cut", 3, 4)
        _publish(speaker, "room:cut2", 5)
        with RawStream(server.port) as stream:
            stream.open("room:cut", "room:cut2", headers=(("Last-Event-ID", kept),))
            assert _numbers(stream, 5) == [3, 4, 5]
            assert stream.expect_event("subscribed", channel="room:cut2")["recovery"] == "complete"


@pytest.mark.parametrize("forged", ["17", "e:1:t", "x:9007199254740992:t", "%0a:1:%00", "é:1:t"])
def test_a_forged_last_event_id_is_a_gap(server: ServerProcess, forged: str) -> None:
    """Catalogue 63, 77, 78."""
    with RawStream(server.port) as stream:
        stream.open("room:forged", headers=(("Last-Event-ID", forged),))
        assert stream.expect_event("gap")["channel"] == "room:forged"
        assert stream.expect_event("subscribed")["recovery"] == "gap"


def test_a_channel_that_is_forbidden_or_does_not_exist_is_refused_alike(
    server: ServerProcess,
) -> None:
    """Catalogue 73, 74, 80: with a position as without."""
    answers = []
    for channel in ("vault", "nosuch"):
        with RawStream(server.port) as stream:
            answers.append(stream.open("room:a", channel, since="e:1:t,e:1:t"))
    assert [each.status for each in answers] == [403, 403]
    assert answers[0].body == answers[1].body


def test_a_foreign_page_is_refused_and_can_read_why(server: ServerProcess) -> None:
    """Catalogue 9."""
    with RawStream(server.port) as stream:
        response = stream.open("room:a", headers=(("Origin", "https://evil.example"),))
        assert response.status == 403
        assert response.header("access-control-allow-origin") == "*"
        assert b"forbidden_origin" in response.body


def test_our_own_page_may_read_the_stream(server: ServerProcess) -> None:
    origin = f"http://127.0.0.1:{server.port}"
    with RawStream(server.port) as stream:
        response = stream.open("room:a", headers=(("Origin", origin),))
        assert response.header("access-control-allow-origin") == origin
        assert response.header("access-control-allow-credentials") == "true"
        assert response.header("vary") == "origin"


@pytest.mark.parametrize("query", ["", "channel=", "channel=a%0ab", "channel=../a", "channel=*"])
def test_a_stream_of_no_channel_is_a_mistake(server: ServerProcess, query: str) -> None:
    """Catalogue 59."""
    with RawConnection(server.port) as plain:
        line = f"GET /sse?{query} HTTP/1.1"
        assert plain.ask(request([("Host", "x")], line=line)).status in (400, 403)


def test_a_stream_names_a_bounded_number_of_channels(server: ServerProcess) -> None:
    """Catalogue 71."""
    with RawStream(server.port) as stream:
        assert stream.open(*(f"room:{n}" for n in range(33))).status == 400


def test_an_idle_stream_is_kept_alive_by_comments(server: ServerProcess) -> None:
    """Catalogue 69."""
    with RawStream(server.port) as stream:
        stream.open("room:idle")
        stream.expect_event("subscribed")
        while not stream.comments:
            stream.take_more()


def test_a_listener_that_does_not_read_is_dropped_and_can_recover(server: ServerProcess) -> None:
    """Catalogue 67, 68: and whoever reads misses nothing meanwhile."""
    gone = "tidewire_slow_readers_total"
    before = server.metric(gone)
    with (
        RawStream(server.port, receive_buffer_bytes=4096) as slow,
        RawStream(server.port) as quick,
        server.join() as speaker,
    ):
        for stream in (slow, quick):
            stream.open("room:slow")
            stream.expect_event("subscribed")
        large = "x" * 60_000
        for number in range(200):
            command = {"type": "publish", "channel": "room:slow", "data": [number, large]}
            speaker.ask_json(command)
            assert quick.expect_event("message")["data"][0] == number
            if server.metric(gone) > before:
                break
        assert server.metric(gone) == before + 1
        events = slow.events_until_end()
        assert events[-1].name == "closed"
        assert events[-1].json()["code"] == 4008
        kept = slow.last_id
    with RawStream(server.port) as back:
        back.open("room:slow", headers=(("Last-Event-ID", kept),))
        assert back.expect_event("message")["seq"] == int(kept.split(":")[1]) + 1


def test_streams_that_come_and_go_leave_nothing_behind(server: ServerProcess) -> None:
    """Catalogue 70."""
    files = server.open_files()
    streams = [RawStream(server.port) for _ in range(60)]
    with crowd(streams):
        for stream in streams:
            stream.open("room:churn")
            stream.expect_event("subscribed")
        assert server.metric("tidewire_connections") >= 60
    wait_until(lambda: server.metric("tidewire_connections") == 0)
    wait_until(lambda: server.open_files() <= files + 1)
    assert server.metric("tidewire_channels") == 1  # the lobby


def test_a_stream_that_talks_is_dropped(server: ServerProcess) -> None:
    """Catalogue 27."""
    with RawStream(server.port) as stream:
        stream.open("room:talk")
        stream.push(b"x" * 10_000)
        stream.events_until_end()


def test_a_request_behind_a_streams_own_is_refused(server: ServerProcess) -> None:
    """Catalogue 26, 27."""
    with RawConnection(server.port) as plain:
        one = request([("Host", "x")], line="GET /sse?channel=room:a HTTP/1.1")
        assert plain.ask(one + one).status == 400


def test_on_sigterm_each_stream_is_told_when_to_come_back() -> None:
    """Catalogue 91."""
    with ServerProcess(CONFIG) as server, RawStream(server.port) as stream:
        stream.open("room:a")
        stream.expect_event("subscribed")
        hint = stream.retry_ms
        server.process.send_signal(signal.SIGTERM)
        stream.expect_event("draining")
        assert stream.retry_ms != hint
        assert stream.expect_event("closed")["code"] == 1012
        stream.events_until_end()
        assert server.wait() == 0
