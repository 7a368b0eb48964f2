"""Listening sockets: TCP, Unix domain, or one that a process manager has opened.

What can go wrong at the start goes wrong here, and is one plain sentence.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
import sys

from tidewire.errors import StartFailed

NOTSENT_LOWAT_BYTES = 128 * 1024
"""Without it the kernel takes 3.8 MiB for a peer that reads nothing before we hear of it; with it,
240 KiB."""

ACCEPTED_INHERIT = sys.platform == "linux"
"""Whether what is accepted has its listener's TCP options."""


def listen_tcp(host: str, port: int) -> socket.socket:
    """A bound TCP socket. Raises ``StartFailed``."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except socket.gaierror:
        raise StartFailed(f"cannot listen on {host}: no such address") from None
    sock = socket.socket(family, kind, protocol)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind(address)
    except OSError as error:
        sock.close()
        raise StartFailed(_why(host, port, error)) from None
    set_notsent_lowat(sock)
    sock.set_inheritable(True)
    return sock


def set_notsent_lowat(sock: socket.socket) -> None:
    option = getattr(socket, "TCP_NOTSENT_LOWAT", None)
    if option is not None and sock.family != socket.AF_UNIX:
        sock.setsockopt(socket.IPPROTO_TCP, option, NOTSENT_LOWAT_BYTES)


def set_user_timeout(sock: socket.socket, timeout_s: float) -> None:
    """Let the kernel give up on a peer that acknowledges nothing for so long (RFC 5482)."""
    option = getattr(socket, "TCP_USER_TIMEOUT", None)
    if option is not None and sock.family != socket.AF_UNIX:
        sock.setsockopt(socket.IPPROTO_TCP, option, round(timeout_s * 1000))


def _why(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} on {host} is taken: stop the other program or choose another --port"
    return f"cannot listen on {host}:{port}: {error.strerror}"


def remove_stale(path: str) -> None:
    """Remove ``path`` if it is a socket that nobody listens on: a killed process leaves one.

    Raises ``StartFailed`` where something else is there.
    """
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            raise StartFailed(f"cannot listen on {path}: it exists and is no socket")
        if _answers(path):
            raise StartFailed(f"cannot listen on {path}: another process does")
        os.unlink(path)


def _answers(path: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except OSError:
            return False
        return True


def adopt(fd: int) -> socket.socket:
    """A socket that is open already. Raises ``StartFailed``."""
    try:
        return socket.socket(fileno=fd)
    except OSError as error:
        raise StartFailed(f"file descriptor {fd} is no socket: {error.strerror}") from None
