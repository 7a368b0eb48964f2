"""Event streams under load: opens many, publishes one message at a time over HTTP, counts arrivals.

    python -m bench.streams PORT STREAM_PATH POST_PATH STREAMS MESSAGES BODY

The next message is posted when the last has reached every stream, so nothing is
batched. Says "ready" once all streams are open, waits for a line, then prints its
figures as JSON. ``BODY`` holds ``%s`` where the mark goes.
"""

from __future__ import annotations

import json
import selectors
import socket
import sys
import time

READ_BYTES = 65_536
LIMIT_S = 60.0


class Streams:
    """Open event streams, and how often each has been told the last mark."""

    def __init__(self, port: int, path: str, count: int) -> None:
        self._selector = selectors.DefaultSelector()
        self._tails: dict[socket.socket, bytes] = {}
        for _ in range(count):
            self._open(port, path)

    def _open(self, port: int, path: str) -> None:
        stream = socket.create_connection(("127.0.0.1", port))
        head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: text/event-stream\r\n\r\n"
        stream.sendall(head.encode())
        answer = stream.recv(READ_BYTES)
        assert b" 200 " in answer, answer[:200]
        stream.setblocking(False)
        self._selector.register(stream, selectors.EVENT_READ)
        self._tails[stream] = b""

    def wait_for(self, mark: bytes) -> None:
        missing = set(self._tails)
        deadline = time.monotonic() + LIMIT_S
        while missing:
            assert time.monotonic() < deadline, f"{len(missing)} streams miss {mark!r}"
            for key, _ in self._selector.select(1):
                stream: socket.socket = key.fileobj  # type: ignore[assignment]
                seen = self._tails[stream] + self._read(stream)
                self._tails[stream] = seen[-len(mark) :]
                if mark in seen:
                    missing.discard(stream)

    def _read(self, stream: socket.socket) -> bytes:
        data = stream.recv(READ_BYTES)
        assert data, "a stream ended"
        return data


class Poster:
    """Publishes over one connection that is kept alive."""

    def __init__(self, port: int, path: str, body: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
        self._body = body

    def post(self, mark: str) -> None:
        body = self._body % mark
        kind = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self._socket.sendall((self._head + kind + body).encode())
        answer = b""
        while not _is_whole(answer):
            answer += self._socket.recv(READ_BYTES)
        assert answer.startswith(b"HTTP/1.1 20"), answer[:300]


def _is_whole(answer: bytes) -> bool:
    """Whether a response is complete; all of these say how long they are."""
    head, end, body = answer.partition(b"\r\n\r\n")
    _, _, size = head.lower().partition(b"content-length:")
    return bool(end) and len(body) >= int(size.partition(b"\r\n")[0])


def main() -> None:
    port, streams, messages = int(sys.argv[1]), int(sys.argv[4]), int(sys.argv[5])
    listening = Streams(port, sys.argv[2], streams)
    poster = Poster(port, sys.argv[3], sys.argv[6])
    for number in range(max(10, messages // 10)):  # warm, and every stream is live
        mark = f"warm-{number:06d}"
        poster.post(mark)
        listening.wait_for(mark.encode())
    print("ready", flush=True)
    sys.stdin.readline()
    waits = []
    began = time.monotonic()
    for number in range(messages):
        mark = f"mark-{number:06d}"
        sent = time.monotonic()
        poster.post(mark)
        listening.wait_for(mark.encode())
        waits.append(time.monotonic() - sent)
    waits.sort()
    seconds = time.monotonic() - began
    print(
        json.dumps(
            {
                "delivered": streams * messages,
                "deliveries_per_s": streams * messages / seconds,
                "p50_ms": waits[len(waits) // 2] * 1e3,
                "p99_ms": waits[int(len(waits) * 0.99)] * 1e3,
            }
        ),
        flush=True,
    )


if __name__ == "__main__":
    main()
