"""Is a port free? Asks by binding, and lets go again at once."""

from __future__ import annotations

import errno
import socket

from tidewire.errors import StartFailed


def why_not_free(host: str, port: int) -> str | None:
    """One sentence why nothing can listen there; None where it can."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            # As the server does: connections that linger from its last run are in nobody's way.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        return _reason(error, host, port)
    return None


def _reason(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} of {host} is taken"
    return f"cannot listen on {host} port {port}: {error.strerror}"


def next_free_port(host: str, first: int, *, tries: int) -> int:
    """The first port from ``first`` on that is free."""
    for port in range(first, min(first + tries, 65536)):
        if why_not_free(host, port) is None:
            return port
    raise StartFailed(
        f"{why_not_free(host, first) or 'no port is free'}, "
        f"and so are the next {tries - 1}: give another with --port"
    )
