"""Opens many WebSockets over TLS, one after the other, and holds them until its input ends.

Its own process, because the memory of both ends in one could not be told apart.
Prints ``ready`` once all are open.

    python -m bench.idle_tls HOST PORT PATH CONNECTIONS
"""

from __future__ import annotations

import contextlib
import resource
import select
import socket
import ssl
import sys
import time

CONNECTIONS_PER_ADDRESS = 20_000
SIGN_OF_LIFE_S = 8
"""A server that hears nothing for 35 s may hang up."""

PONG = bytes((0x8A, 0x80, 1, 2, 3, 4))
"""An unasked-for pong, masked and empty: it counts as life and is not answered."""

REQUEST = (
    "GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def connect(host: str, port: int, path: str, index: int, context: ssl.SSLContext) -> ssl.SSLSocket:
    source = (f"127.0.{1 + index // CONNECTIONS_PER_ADDRESS}.1", 0)
    plain = socket.create_connection((host, port), 10, source)
    secure = context.wrap_socket(plain, server_hostname=host)
    secure.sendall(REQUEST.format(host=host, port=port, path=path).encode())
    answer = secure.recv(4096)
    if b" 101 " not in answer:
        raise ConnectionError(f"connection {index}: no upgrade: {answer[:200]!r}")
    return secure


def trusting_context() -> ssl.SSLContext:
    """The certificate is our own and made for this run."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def show_life(connections: list[ssl.SSLSocket]) -> None:
    for connection in connections:
        with contextlib.suppress(OSError):
            connection.sendall(PONG)


def open_all(host: str, port: int, path: str, count: int) -> list[ssl.SSLSocket]:
    context = trusting_context()
    connections: list[ssl.SSLSocket] = []
    shown = time.monotonic()
    for index in range(count):
        connections.append(connect(host, port, path, index, context))
        if time.monotonic() - shown > SIGN_OF_LIFE_S:
            show_life(connections)
            shown = time.monotonic()
    return connections


def main() -> None:
    host, port, path, count = sys.argv[1:]
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    connections = open_all(host, int(port), path, int(count))
    print("ready", flush=True)
    while not select.select([sys.stdin], [], [], SIGN_OF_LIFE_S)[0]:
        show_life(connections)


if __name__ == "__main__":
    main()
