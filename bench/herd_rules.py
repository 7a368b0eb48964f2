"""Herd, the rules: how long each project's client waits before it tries again. Pure.

Each rule is the project's default, said again in our own words from its source, as it was read
in November 2026. A ``trait`` is what a client draws once and keeps (a number from 0 to 1),
``draw`` what it draws anew; ``attempt`` is 0 for the first try after the drop.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from tidewire.client.backoff import FIRST_BOUND_S, GROWTH, MAX_BOUND_S, bound_s
from tidewire.server.drain import window_s

Draw: TypeAlias = Callable[[], float]
Wait: TypeAlias = Callable[[int, float, Draw], float]
Departure: TypeAlias = Callable[[int, int, Draw], float]

DRAIN_DEADLINE_S = 27.0
"""Nine tenths of ``server.drain_timeout_s`` as it comes."""

PHOENIX_STEPS_S = (0.01, 0.05, 0.1, 0.15, 0.2, 0.25, 0.5, 1.0, 2.0)
PHOENIX_LAST_S = 5.0


@dataclass(frozen=True, slots=True)
class Rule:
    """One project's way back.

    ``formula`` is ``wait`` for a reader; ``departure`` when a client that is the so-maniest of so
    many may first try, in a drain.
    """

    name: str
    source: str
    formula: str
    wait: Wait
    departure: Departure | None = None


def tidewire(attempt: int, trait: float, draw: Draw) -> float:
    return draw() * bound_s(attempt)


def tidewire_doubling(attempt: int, trait: float, draw: Draw) -> float:
    return draw() * min(20.0, 0.5 * 2.0 ** min(attempt, 10))


def tidewire_drained(number: int, clients: int, draw: Draw) -> float:
    """Closed in a spread over the window, and back at a random moment in a window from then."""
    window = window_s(clients, DRAIN_DEADLINE_S)
    return window * number / clients + window * draw()


def socket_io(attempt: int, trait: float, draw: Draw) -> float:
    """The sign of the jitter is taken from its own first decimal; the cap comes after it."""
    wait, drawn = 1.0 * 2.0 ** min(attempt, 10), draw()
    sign = 1 if math.floor(drawn * 10) % 2 else -1
    return min(5.0, wait + sign * drawn * 0.5 * wait)


def python_socketio(attempt: int, trait: float, draw: Draw) -> float:
    return min(5.0, 1.0 * 2.0 ** min(attempt, 10)) + 0.5 * (2.0 * draw() - 1.0)


def phoenix(attempt: int, trait: float, draw: Draw) -> float:
    return PHOENIX_STEPS_S[attempt] if attempt < len(PHOENIX_STEPS_S) else PHOENIX_LAST_S


def phoenix_drained(number: int, clients: int, draw: Draw) -> float:
    """A batch every two seconds, and after thirty the rest."""
    return min(30.0, 2.0 * (number // 10_000)) + PHOENIX_STEPS_S[0]


def ably(attempt: int, trait: float, draw: Draw) -> float:
    """The drop itself is counted, so the first wait is already the second of the formula."""
    if attempt == 0:
        return 0.0
    return 15.0 * min((attempt + 3) / 3.0, 2.0) * (1.0 - 0.2 * draw())


def centrifuge_js(attempt: int, trait: float, draw: Draw) -> float:
    return min(20.0, 0.5 + draw() * min(20.0, 0.5 * 2.0 ** min(attempt, 31)))


def partysocket(attempt: int, trait: float, draw: Draw) -> float:
    return float(min(10.0, (1.0 + 4.0 * trait) * 1.3 ** min(attempt, 20)))


def websockets(attempt: int, trait: float, draw: Draw) -> float:
    if attempt == 0:
        return 0.0
    return draw() * 5.0 if attempt == 1 else float(min(90.0, 3.1 * 1.618 ** min(attempt - 2, 20)))


OURS = Rule(
    "Tidewire",
    "src/tidewire/client/backoff.py, src/tidewire/server/drain.py",
    f"random(0, min({MAX_BOUND_S:g}, {FIRST_BOUND_S:g} x {GROWTH:g}^n)); "
    "after a drain random(0, the server's window)",
    tidewire,
    tidewire_drained,
)
DOUBLING = Rule(
    "Tidewire, if it doubled to 20 s",
    "what this was changed from",
    "random(0, min(20, 0.5 x 2^n)); drain as above",
    tidewire_doubling,
    tidewire_drained,
)
OTHERS = (
    Rule(
        "Socket.IO",
        "socketio/socket.io, packages/socket.io-client/lib (contrib/backo2.ts, manager.ts), 4.7",
        "min(5, 2^n x (1 +- up to 0.5))",
        socket_io,
    ),
    Rule(
        "python-socketio",
        "miguelgrinberg/python-socketio, src/socketio/async_client.py (_handle_reconnect), 5.x",
        "min(5, 2^n) +- 0.5",
        python_socketio,
    ),
    Rule(
        "Phoenix",
        "phoenixframework/phoenix, assets/js/phoenix/socket.js (reconnectAfterMs), 1.8; "
        "Phoenix.Endpoint.socket/3 (drainer)",
        "0.01, 0.05, 0.1, 0.15, 0.2, 0.25, 0.5, 1, 2, then 5; "
        "in a drain 10,000 every 2 s, for 30 s",
        phoenix,
        phoenix_drained,
    ),
    Rule(
        "Ably",
        "ably/ably-js, src/common/lib/transport/connectionmanager.ts (notifyState), "
        "util/utils.ts (getRetryTime), util/defaults.ts; features specification RTB1",
        "0, then 15 x min((n + 3) / 3, 2) x random(0.8, 1)",
        ably,
    ),
    Rule(
        "centrifuge-js",
        "centrifugal/centrifuge-js, src/utils.ts (backoff) and src/centrifuge.ts (defaults), 5.x",
        "min(20, 0.5 + random(0, min(20, 0.5 x 2^n)))",
        centrifuge_js,
    ),
    Rule(
        "PartySocket",
        "cloudflare/partykit, packages/partysocket/src/ws.ts (_getNextDelay, DEFAULT), 1.1",
        "min(10, m x 1.3^n), m = random(1, 5) once per page",
        partysocket,
    ),
    Rule(
        "websockets",
        "python-websockets/websockets, src/websockets/client.py (backoff) and "
        "asyncio/client.py (async for), 14 and later",
        "0 after a connection, then random(0, 5), then 3.1 x 1.618^(n - 2) up to 90",
        websockets,
    ),
)
RULES = (OURS, *OTHERS)
