"""The workloads: what is done to a server, and which figures come out.

CPU is the server's, in seconds of user and system time over the load only,
because wall-clock time on a shared machine is noise.
"""

from __future__ import annotations

import sys
import time
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import jwt

from bench.load import (
    FanOut,
    Figures,
    churn,
    crowd,
    expect,
    fan,
    figures,
    go,
    held_open,
    pings,
    posting,
    probe_during,
    storm,
)
from bench.measure import usage_of
from bench.prepare import BENCH, CACHE
from bench.servers import Running, Server, running

FEWEST_MESSAGES = 100
"""However slow a server: below this, the kernel's 10 ms clock ticks show."""

UNFINISHED_HANDSHAKES = 16
"""Below the 20 per address that Tidewire allows, which stay in force."""

SETTLE_S = 1.0
"""For a server to finish what a connect or close leaves to do later."""

EVERYONE = ("tidewire", "floor", "bun", "centrifuge", "nats", "nchan", "ws", "websockets")
HOLDS_THOUSANDS = ("tidewire", "bun", "centrifuge", "nats", "nchan", "ws", "websockets")
"""The floor trusts its peers and keeps nothing, so its memory and connects say nothing."""

ANSWERS_PINGS = ("tidewire", "bun", "centrifuge")


@dataclass(frozen=True, kw_only=True)
class Workload:
    """``run(server, scale)`` starts the server and returns its figures; 1 is the full size."""

    name: str
    title: str
    about: str
    run: Callable[[Server, float], Figures]
    figure: str  # the one that servers are compared by
    columns: tuple[str, ...]
    servers: tuple[str, ...] = EVERYONE


# --- fan-out ----------------------------------------------------------------------------------


def fan_out(
    *, connections: int, publishers: int, window: int, messages: int, answered: bool = False
) -> Callable[[Server, float], Figures]:
    def run(server: Server, scale: float) -> Figures:
        count = max(FEWEST_MESSAGES, int(messages * scale * server.share))
        publish, answer = server.publish, None
        if answered and server.publish_for_answer:
            publish, answer = server.publish_for_answer, server.answer
        load = FanOut(connections, publishers, window, count, publish, answer)
        with running(server) as target:
            return _per_delivery(target, load)

    return run


def _per_delivery(target: Running, load: FanOut) -> Figures:
    measured = fan(target, load)
    return {
        "cpu_us": measured.cpu_s * 1e6 / measured.seen["delivered"],
        "deliveries_per_s": measured.seen["deliveries_per_s"],
        "p50_ms": measured.seen["p50_ms"],
        "p99_ms": measured.seen["p99_ms"],
        "rss_mib": measured.rss_kib / 1024,
    }


# --- connections ------------------------------------------------------------------------------


def idle(server: Server, scale: float) -> Figures:
    connections = int(10_000 * scale)
    with running(server, quiet=True) as target:
        before = usage_of(target.pid)
        with storm(target, connections, UNFINISHED_HANDSHAKES):
            time.sleep(SETTLE_S)
            return _per_connection(target, before.rss_kib, connections)


def idle_tls(server: Server, scale: float) -> Figures:
    connections = int(10_000 * scale)
    with running(server, quiet=True, tls=True) as target:
        before = usage_of(target.pid)
        words = ["127.0.0.1", str(target.port), server.path, str(connections)]
        with held_open([sys.executable, "-m", "bench.idle_tls", *words]):
            time.sleep(SETTLE_S)
            return _per_connection(target, before.rss_kib, connections)


def _per_connection(target: Running, rss_kib_before: int, connections: int) -> Figures:
    rss_kib = usage_of(target.pid).rss_kib
    return {
        "kib_per_connection": (rss_kib - rss_kib_before) / connections,
        "rss_mib": rss_kib / 1024,
    }


def connect_storm(server: Server, scale: float) -> Figures:
    connections = int(5_000 * scale)
    tokens = write_tokens(connections) if server.name == "tidewire" else None
    with running(server, quiet=True) as target:
        before = usage_of(target.pid)
        with storm(target, connections, UNFINISHED_HANDSHAKES, tokens) as seen:
            after = usage_of(target.pid)
    return {
        "cpu_ms_per_connect": (after.cpu_s - before.cpu_s) * 1e3 / connections,
        "connects_per_s": seen["connects_per_s"],
        "p50_ms": seen["p50_ms"],
        "p99_ms": seen["p99_ms"],
    }


def write_tokens(count: int) -> Path:
    """One token for each of ``count`` users: a storm of one token would flatter a cache."""
    secret = tomllib.loads((BENCH / "tidewire.toml").read_text())["auth"]["secrets"][0]
    expires = int(time.time()) + 3600
    path = CACHE / "tokens.txt"
    path.write_text(
        "".join(
            jwt.encode({"sub": f"user-{index}", "exp": expires}, secret, "HS256") + "\n"
            for index in range(count)
        )
    )
    return path


def churn_100_000(server: Server, scale: float) -> Figures:
    connections = int(100_000 * scale)
    with running(server) as target:
        # A tenth first: an allocator keeps the most it ever needed at once, and that is no leak.
        churn(target, connections // 10, UNFINISHED_HANDSHAKES)
        time.sleep(SETTLE_S)
        before = usage_of(target.pid)
        seen = churn(target, connections, UNFINISHED_HANDSHAKES)
        time.sleep(SETTLE_S)
        after = usage_of(target.pid)
    return {
        "growth_kib": after.rss_kib - before.rss_kib,
        "rss_mib": after.rss_kib / 1024,
        "connects_per_s": seen["connects_per_s"],
        "cpu_ms_per_connect": (after.cpu_s - before.cpu_s) * 1e3 / connections,
    }


# --- one client's ping while thousands are served ---------------------------------------------


def flush_ping(server: Server, scale: float) -> Figures:
    load = FanOut(9_000, 1, 1, 1_000_000, server.publish, longest_warm_up=20)
    with running(server, quiet=True) as target:
        seen = probe_during(target, load, count=max(200, int(1_200 * scale)), rate=200)
    return {name: seen[name] for name in ("p50_ms", "p99_ms", "max_ms")}


# --- many rooms, and many who come back ---------------------------------------------------------


def many_rooms(server: Server, scale: float) -> Figures:
    publications = max(FEWEST_MESSAGES, int(20_000 * scale * server.share))
    with (
        running(server, quiet=True) as target,
        crowd(target, "many_rooms", server.name, str(publications)) as clients,
    ):
        before = usage_of(target.pid)
        go(clients)
        seen = figures(clients)
        after = usage_of(target.pid)
    return {
        "cpu_us": (after.cpu_s - before.cpu_s) * 1e6 / seen["delivered"],
        "deliveries_per_s": seen["delivered"] / seen["seconds"],
        "rss_mib": after.rss_kib / 1024,
    }


def comeback(server: Server, scale: float) -> Figures:
    clients, missed = int(10_000 * scale), 50
    with (
        running(server, quiet=True) as target,
        crowd(target, "comeback", str(clients), str(missed)) as absentees,
    ):
        go(absentees)
        expect(absentees, "away")
        before = usage_of(target.pid)
        go(absentees)
        stayed = pings(target, count=max(200, int(600 * scale)), rate=200)
        seen = figures(absentees)
        after = usage_of(target.pid)
    return {
        "cpu_s": after.cpu_s - before.cpu_s,
        "cpu_ms_per_client": (after.cpu_s - before.cpu_s) * 1e3 / clients,
        "seconds": seen["seconds"],
        "p50_ms": stayed["p50_ms"],
        "p99_ms": stayed["p99_ms"],
    }


# --- event streams ----------------------------------------------------------------------------


def streams(server: Server, scale: float) -> Figures:
    count, messages = 500, max(FEWEST_MESSAGES, int(1_000 * scale))
    words = [server.stream_path, server.post_path, str(count), str(messages), server.post]
    with running(server, quiet=True) as target, posting(target, *words) as generator:
        before = usage_of(target.pid)
        go(generator)
        seen = figures(generator)
        after = usage_of(target.pid)
    return {
        "cpu_us": (after.cpu_s - before.cpu_s) * 1e6 / seen["delivered"],
        "deliveries_per_s": seen["deliveries_per_s"],
        "p50_ms": seen["p50_ms"],
        "p99_ms": seen["p99_ms"],
        "rss_mib": after.rss_kib / 1024,
    }


# --- the catalogue ----------------------------------------------------------------------------

DELIVERY_COLUMNS = ("cpu_us", "deliveries_per_s", "p50_ms", "p99_ms", "rss_mib")

WORKLOADS = {
    workload.name: workload
    for workload in (
        Workload(
            name="busy-room",
            title="A busy room: 100 clients, all talking",
            about="100 connections, each publishing in turn, 100 messages in flight.",
            run=fan_out(connections=100, publishers=100, window=100, messages=40_000),
            figure="cpu_us",
            columns=DELIVERY_COLUMNS,
        ),
        Workload(
            name="busy-room-answered",
            title="The busy room, every message answered",
            about="As above, but every publish to Tidewire carries an id and gets its own"
            " `published`. The peers answer nothing, so the comparison is in their favour.",
            run=fan_out(
                connections=100, publishers=100, window=100, messages=40_000, answered=True
            ),
            figure="cpu_us",
            columns=DELIVERY_COLUMNS,
            servers=("tidewire", "bun"),
        ),
        Workload(
            name="subscribers-500",
            title="500 subscribers, a deep pipeline",
            about="One publisher with 32 messages in flight to 500 connections.",
            run=fan_out(connections=500, publishers=1, window=32, messages=20_000),
            figure="cpu_us",
            columns=DELIVERY_COLUMNS,
        ),
        Workload(
            name="rooms-2000",
            title="2,000 subscribers, 50 publishers",
            about="50 of 2,000 connections publish in turn, 50 messages in flight.",
            run=fan_out(connections=2_000, publishers=50, window=50, messages=2_000),
            figure="cpu_us",
            columns=DELIVERY_COLUMNS,
        ),
        Workload(
            name="one-at-a-time",
            title="One message at a time to 1,000 subscribers",
            about="The next message is sent when the last has reached everyone, so nothing can be"
            " batched and the kernel's 1,000 writes are most of the cost.",
            run=fan_out(connections=1_000, publishers=1, window=1, messages=500),
            figure="cpu_us",
            columns=DELIVERY_COLUMNS,
        ),
        Workload(
            name="streams-500",
            title="500 event streams, one message at a time",
            about="Server-sent events instead of WebSockets: a message is posted over HTTP when the"
            " last has reached all 500. The post is part of the cost.",
            run=streams,
            figure="cpu_us",
            columns=DELIVERY_COLUMNS,
            servers=("tidewire", "centrifuge", "nchan"),
        ),
        Workload(
            name="own-pipeline",
            title="One client publishing to itself",
            about="One connection, 32 of its own messages in flight: the cost of a message in and"
            " out, without fan-out.",
            run=fan_out(connections=1, publishers=1, window=32, messages=200_000),
            figure="cpu_us",
            columns=DELIVERY_COLUMNS,
        ),
        Workload(
            name="flush-ping",
            title="A ping while a room of 9,000 is served",
            about="One message at a time to 9,000 connections without a pause, and one more"
            " client that pings 200 times a second: how long its pongs take.",
            run=flush_ping,
            figure="p99_ms",
            columns=("p50_ms", "p99_ms", "max_ms"),
            servers=ANSWERS_PINGS,
        ),
        Workload(
            name="idle-10000",
            title="10,000 idle connections",
            about="Resident memory with 10,000 connections open, less that before, per connection.",
            run=idle,
            figure="kib_per_connection",
            columns=("kib_per_connection", "rss_mib"),
            servers=HOLDS_THOUSANDS,
        ),
        Workload(
            name="idle-tls",
            title="10,000 idle connections over TLS",
            about="The same over TLS 1.3 that the server ends itself.",
            run=idle_tls,
            figure="kib_per_connection",
            columns=("kib_per_connection", "rss_mib"),
            servers=("tidewire",),
        ),
        Workload(
            name="connect-storm",
            title="A connect storm",
            about="5,000 connections as fast as they are taken, 16 handshakes at a time. Tidewire"
            " checks a different JWT (HS256) for each; the peers check nothing.",
            run=connect_storm,
            figure="cpu_ms_per_connect",
            columns=("cpu_ms_per_connect", "connects_per_s", "p50_ms", "p99_ms"),
            servers=HOLDS_THOUSANDS,
        ),
        Workload(
            name="many-rooms",
            title="10,000 channels of 10 subscribers",
            about="1,000 clients in 100 channels each; 100 publications in flight, each to another"
            " channel. Tidewire keeps a history of 100 of every channel, Centrifuge none.",
            run=many_rooms,
            figure="cpu_us",
            columns=("cpu_us", "deliveries_per_s", "rss_mib"),
            servers=("tidewire", "centrifuge"),
        ),
        Workload(
            name="comeback",
            title="10,000 clients come back and recover",
            about="All are cut off, miss 50 publications in their rooms of 100, reconnect as fast"
            " as they are taken and recover; p50 and p99 are the pings of one who stayed.",
            run=comeback,
            figure="cpu_ms_per_client",
            columns=("cpu_ms_per_client", "cpu_s", "seconds", "p50_ms", "p99_ms"),
            servers=("tidewire",),
        ),
        Workload(
            name="churn",
            title="100,000 connects and closes",
            about="Every second connection closes properly, the others vanish with a reset."
            " Resident memory afterwards, less that before; 10,000 more go first.",
            run=churn_100_000,
            figure="growth_kib",
            columns=("growth_kib", "rss_mib", "connects_per_s", "cpu_ms_per_connect"),
            servers=("tidewire",),
        ),
    )
}
