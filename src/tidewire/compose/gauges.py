"""Gauges: what is in use, and beside it what may be, of everything that has a limit.

Read when somebody asks for metrics. Where usage nears its limit somebody is about to
be refused: an alert on the quotient of the two needs to know neither.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

from msgspec import Struct

from tidewire.app import App
from tidewire.app.workers import Workers
from tidewire.compose.assembly import MAX_USERS_RATED, Assembly
from tidewire.config import Settings
from tidewire.engines.base import MAX_IN_FLIGHT, Figures
from tidewire.engines.urls import database_of
from tidewire.hub.tail import MAX_TOTAL_BYTES
from tidewire.node.gate import HANDLERS, HOOKS, Gate, GateLimits
from tidewire.security.revocation import MAX_REVOCATIONS
from tidewire.security.tickets import DEFAULT_CAPACITY

Read: TypeAlias = Callable[[], float]
Gauges: TypeAlias = dict[str, tuple[str, Read]]


class Gauge(Struct, frozen=True):
    """One metric; with a ``limit`` a second one beside it, ``<name>_limit``."""

    name: str
    text: str
    read: Read
    limit: float | None = None


def gauges(
    app: App, parts: Assembly, settings: Settings, loop_lag_s: Read
) -> dict[str, tuple[str, Read]]:
    """Name -> what it means, and how it is read."""
    found: Gauges = {}
    for gauge in (
        *_of_the_server(parts, loop_lag_s),
        *_of_the_engine(parts, settings),
        *_of_a_gate("hooks", parts.node.hooks, HOOKS),
        *_of_a_gate("handlers", parts.node.handlers, HANDLERS),
        _of_threads(app.workers),
    ):
        found[gauge.name] = (gauge.text, gauge.read)
        if gauge.limit is not None:
            found[f"{gauge.name}_limit"] = (f"What {gauge.name} may be.", _always(gauge.limit))
    return found


def _always(limit: float) -> Read:
    return lambda: limit


def _of_the_server(parts: Assembly, loop_lag_s: Read) -> Iterator[Gauge]:
    yield Gauge("tidewire_event_loop_lag_seconds", "How late the last heartbeat was.", loop_lag_s)
    yield Gauge(
        "tidewire_connections_limit",
        "Connections and handshakes there may be.",
        lambda: parts.connection_limits.total,
    )
    yield Gauge("tidewire_channels", "Channels with a subscriber here.", parts.node.channel_count)
    yield Gauge(
        "tidewire_readers_behind",
        "Connections that read more slowly than their channels are written.",
        lambda: parts.hub.readers_behind,
    )
    yield Gauge(
        "tidewire_tail_bytes",
        "Kept for slow readers whose channels drop or conflate.",
        lambda: parts.hub.tail_bytes,
        MAX_TOTAL_BYTES,
    )
    yield Gauge(
        "tidewire_revocations",
        "Revocations in force.",
        lambda: len(parts.revocations),
        MAX_REVOCATIONS,
    )
    yield Gauge(
        "tidewire_tickets",
        "Tickets that wait for their connection.",
        lambda: len(parts.tickets),
        DEFAULT_CAPACITY,
    )
    yield Gauge(
        "tidewire_rated_users",
        "Users whose rate of publications is remembered.",
        lambda: len(parts.user_rates),
        MAX_USERS_RATED,
    )


def _of_the_engine(parts: Assembly, settings: Settings) -> Iterator[Gauge]:
    engine, history = parts.engine, settings.history
    is_in_memory = database_of(settings.engine.url) is None

    def figures() -> Figures:
        return engine.figures()

    yield Gauge(
        "tidewire_history_entries",
        "Entries kept, in histories and maps.",
        lambda: figures().entries,
        history.total_entries if is_in_memory else None,
    )
    yield Gauge(
        "tidewire_history_bytes",
        "Bytes for them, of memory or of the disk.",
        lambda: figures().bytes,
        history.total_bytes if is_in_memory else settings.engine.disk_bytes,
    )
    yield Gauge(
        "tidewire_engine_in_flight",
        "Publications that have not ended.",
        lambda: figures().in_flight,
        MAX_IN_FLIGHT,
    )
    yield Gauge(
        "tidewire_engine_failing",
        "1 while nothing can be written.",
        lambda: figures().is_failing,
    )


def _of_a_gate(name: str, gate: Gate, limits: GateLimits) -> Iterator[Gauge]:
    """The application's functions, of which so many run at once and the rest waits."""
    yield Gauge(
        f"tidewire_{name}_running",
        f"The application's {name} at work.",
        lambda: gate.running,
        limits.at_once,
    )
    yield Gauge(
        f"tidewire_{name}_waiting", f"The application's {name} that wait.", lambda: gate.waiting
    )


def _of_threads(workers: Workers) -> Gauge:
    return Gauge(
        "tidewire_handler_threads",
        "Functions of the application that have a thread or wait for one.",
        lambda: workers.in_use,
        workers.limit,
    )
