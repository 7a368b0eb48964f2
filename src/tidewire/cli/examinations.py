"""What ``doctor`` looks at: one small function per thing, each of which returns a finding.

Reads and asks only; changes nothing and starts nothing.
"""

from __future__ import annotations

import resource
import shutil
import socket
import ssl
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, TypeAlias
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPSHandler, OpenerDirector, ProxyHandler, build_opener

from cryptography import x509
from msgspec import Struct

from tidewire.cli.ports import why_not_free
from tidewire.config import Server, Settings, is_reachable_by_others
from tidewire.engines.sqlite import why_unusable
from tidewire.engines.urls import database_of

State: TypeAlias = Literal["ok", "warning", "failed"]

FEW_DESCRIPTORS = 4096
"""Four fifths of these are connections; a small server outgrows 1,024 on its first good day."""

EXPIRES_SOON_S = 14 * 86400
"""Automatic renewal happens a month before; two weeks before, it has failed."""

LIVE_TIMEOUT_S = 5.0
"""Below the interval at which containers are usually asked."""


class Finding(Struct, frozen=True):
    """One thing looked at. ``text`` says what to do where ``state`` is not ok."""

    name: str
    state: State
    text: str


def file_descriptors() -> Finding:
    """``serve`` raises the soft limit itself; the hard one is somebody else's to raise."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:
        return Finding("file descriptors", "ok", "no limit")
    if hard < FEW_DESCRIPTORS:
        text = f"at most {hard}, so {hard * 4 // 5} connections: raise the hard limit (LimitNOFILE)"
        return Finding("file descriptors", "warning", text)
    return Finding("file descriptors", "ok", f"up to {hard}, so {hard * 4 // 5} connections")


def event_loop(name: str) -> Finding:
    if find_spec("uvloop") is not None:
        return Finding("event loop", "ok", "uvloop is installed")
    if name == "uvloop":
        return Finding("event loop", "failed", "uvloop is asked for, but not installed")
    return Finding(
        "event loop", "warning", "uvloop is not installed: asyncio is several times slower"
    )


def unsent_limit() -> Finding:
    """Without it the kernel takes 3.8 MiB for a reader that stands still; with it 240 KiB."""
    option = getattr(socket, "TCP_NOTSENT_LOWAT", 25 if sys.platform == "linux" else None)
    try:
        if option is None:
            raise OSError
        with socket.socket() as probe:
            probe.setsockopt(socket.IPPROTO_TCP, option, 131_072)
    except OSError:
        text = (
            "TCP_NOTSENT_LOWAT is not supported: a slow reader costs up to 4 MiB of kernel memory"
        )
        return Finding("slow readers", "warning", text)
    return Finding("slow readers", "ok", "TCP_NOTSENT_LOWAT is supported")


def address(server: Server) -> Finding:
    if server.uds is not None or server.fd is not None:
        return Finding("address", "ok", "a socket that is not opened by host and port")
    if reason := why_not_free(server.host, server.port):
        return Finding("address", "failed", f"{reason}; is a server running already?")
    return Finding("address", "ok", f"{server.host} port {server.port} is free")


def certificate(settings: Settings, now: float) -> Finding:
    """That it fits its key was checked when the settings were loaded."""
    if settings.tls.cert is None:
        return Finding("certificate", "ok", "none, so no TLS")
    chain = x509.load_pem_x509_certificates(Path(settings.tls.cert).read_bytes())
    left_s = min(one.not_valid_after_utc.timestamp() for one in chain) - now
    days = int(left_s // 86400)
    if left_s <= 0:
        return Finding("certificate", "failed", f"{settings.tls.cert} has expired")
    state: State = "warning" if left_s < EXPIRES_SOON_S else "ok"
    return Finding("certificate", state, f"{settings.tls.cert} is valid for {days} more days")


def engine(settings: Settings) -> Finding:
    database = database_of(settings.engine.url)
    if database is None:
        return Finding("engine", "ok", "in memory: history ends with the process")
    if reason := why_unusable(database):
        return Finding("engine", "failed", reason)
    left_bytes = shutil.disk_usage(database.absolute().parent).free
    wanted = settings.engine.disk_bytes
    if left_bytes < wanted:
        text = f"{left_bytes // 2**20} MiB are free for {database}, but engine.disk_bytes is more"
        return Finding("engine", "warning", text)
    return Finding("engine", "ok", f"{database} can be written")


def liveness(url: str) -> Finding:
    """Asks a running server, as a container's health check does."""
    target = f"{url.rstrip('/')}/healthz"
    if not target.startswith(("http://", "https://")):
        return Finding("server", "failed", f"{url} is no http address")
    try:
        with _opener(target).open(target, timeout=LIVE_TIMEOUT_S) as answer:
            return Finding("server", "ok", f"{target} answers {answer.status}")
    except HTTPError as error:
        return Finding("server", "failed", f"{target} answers {error.code}")
    except (URLError, OSError, ValueError) as error:
        return Finding("server", "failed", f"{target} does not answer: {_reason(error)}")


def _opener(url: str) -> OpenerDirector:
    """Goes through no proxy. On this machine a certificate for its public name is good enough."""
    context = ssl.create_default_context()
    if not is_reachable_by_others(Server(host=urlsplit(url).hostname or "")):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return build_opener(ProxyHandler({}), HTTPSHandler(context=context))


def _reason(error: Exception) -> str:
    reason = getattr(error, "reason", error)
    return getattr(reason, "strerror", None) or str(reason)
