"""A dashboard that is updated faster than one of its readers reads, on a real server process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.processes import ServerProcess
from tests.support.rawframes import TEXT, frame
from tests.support.wire import RawConnection

KEYS = 1_000
ROUNDS = 40
READS = KEYS // 100
"""The slow reader takes a hundredth of what is published."""

ROUND = 10_000
"""The number of the round before the first: all have as many digits."""

KIB, MIB = 1024, 1024 * 1024

CONFIG = """
[auth]
anonymous = true
[heartbeat]
interval_s = 3600
[limits]
publications_per_s = 1e6
publications_burst = 1000000
publication_bytes_per_s = 1e9
publication_bytes_burst = 1000000000
user_publications_per_s = 1e6
user_publications_burst = 1000000
frames_per_s = 1e6
frames_burst = 1000000
queue_age_s = 3600
[[channels]]
pattern = "prices"
history_size = 0
presence = false
slow_reader = "conflate"
[[channels]]
pattern = "ticker"
history_size = 0
presence = false
slow_reader = "drop_oldest"
"""


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    with ServerProcess(CONFIG) as process:
        yield process


class Reader:
    """A subscriber of one channel, and what it knows of it."""

    def __init__(self, connection: RawConnection, channel: str) -> None:
        self.connection = connection
        self.seq = connection.ask_json({"type": "subscribe", "channel": channel})["seq"]
        self.channel = channel
        self.entries = 0
        self.skipped: set[str] = set()
        self.values: dict[str, int] = {}

    def read(self) -> None:
        """The next message about the channel, which has to follow what is known."""
        message = self.connection.receive()
        while message.get("channel") != self.channel:
            message = self.connection.receive()
        if message["type"] == "skipped":
            assert message["from"] == self.seq + 1
            self.seq = message["to"]
            self.skipped.add(message["reason"])
        else:
            self._take(message)

    def _take(self, entry: dict[str, Any]) -> None:
        assert entry["seq"] == self.seq + 1
        self.seq = entry["seq"]
        self.entries += 1
        assert self.values.get(entry["key"], -1) < entry["data"]["round"]
        self.values[entry["key"]] = entry["data"]["round"]


def _updates(channel: str) -> bytes:
    """One round: every key once. Nothing is masked, so that the round can be put in."""
    data = {"round": ROUND, "pad": "x" * 150}
    commands = (
        {"type": "publish", "channel": channel, "key": f"k{number}", "data": data}
        for number in range(KEYS)
    )
    return b"".join(frame(TEXT, json.dumps(each).encode(), mask=bytes(4)) for each in commands)


def _overtake(server: ServerProcess, channel: str, slow: Reader, fast: Reader) -> None:
    """Publish round after round, each when the fast reader has read it and the slow one a bit."""
    updates = _updates(channel)
    with server.join() as talker:
        for number in range(1, 1 + ROUNDS):
            talker.send(updates.replace(b"%d" % ROUND, b"%d" % (ROUND + number)))
            while fast.entries < number * KEYS:
                fast.read()
            assert server.metric("tidewire_outbox_bytes") < 64 * KIB
            for _ in range(READS):
                slow.read()


@pytest.mark.parametrize(("channel", "reason"), [("prices", "conflated"), ("ticker", "dropped")])
def test_a_slow_reader_costs_little_and_ends_up_with_the_latest_of_each_key(
    server: ServerProcess, channel: str, reason: str
) -> None:
    """Catalogue 67: nobody else notices, nothing is out of order, and every hole is explained."""
    with server.join(receive_buffer_bytes=4096) as slowly, server.join() as at_once:
        slow, fast = Reader(slowly, channel), Reader(at_once, channel)
        before = server.resident_bytes()
        _overtake(server, channel, slow, fast)
        assert server.resident_bytes() - before < 16 * MIB
        assert server.metric("tidewire_readers_behind") == 1
        assert 0 < server.metric("tidewire_tail_bytes") < 2 * MIB
        while slow.seq < fast.seq:
            slow.read()
        assert slow.values == fast.values
        assert (slow.skipped, fast.skipped) == ({reason}, set())
        assert slow.entries < fast.entries / 4
