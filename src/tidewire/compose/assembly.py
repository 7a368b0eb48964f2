"""Assembly: one server's parts, made from the settings and connected to each other.

Starts nothing and opens nothing. What may change while the server runs is
changed here, since only here everything that uses it is known.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence

from msgspec import Struct

from tidewire.app import App
from tidewire.clock import Clock
from tidewire.compose import parts
from tidewire.compose.backend import BackendSide
from tidewire.compose.engines import configured_engine
from tidewire.compose.keys import Keys, configured_keys
from tidewire.compose.visitors import desks, stream_door
from tidewire.config import Settings
from tidewire.counters import Counters
from tidewire.dialects import MessagePackDialect, NativeDialect
from tidewire.hub import Hub
from tidewire.node.announcer import Announcer
from tidewire.node.core import Node, NodeOptions
from tidewire.node.registry import Clients
from tidewire.security.admission import ConnectionLimits
from tidewire.security.grants import Grants
from tidewire.security.origin import ANY
from tidewire.security.proxies import TrustedProxies
from tidewire.security.rates import SharedBuckets
from tidewire.security.revocation import Revocations
from tidewire.security.tickets import TicketOffice
from tidewire.server.admission import Admission
from tidewire.server.asgidoor import AsgiDoor
from tidewire.server.door import FrontDoor
from tidewire.server.drain import DrainSentinel
from tidewire.server.heartbeat import HeartbeatWheel
from tidewire.server.jwks import RemoteKeys
from tidewire.server.jwks_fetch import fetch_keys
from tidewire.server.shared import Client, Shared
from tidewire.server.wires import Deflating, Wires
from tidewire.tick import Tick

MAX_USERS_RATED = 100_000
"""Users whose publication rate is remembered at a time; some 20 MiB when full."""

MANY_READERS = 32
"""Connections from which on a larger batch saves more writes than another poll costs."""


class Assembly:
    """The parts. Made in the event loop they run in."""

    def __init__(self, app: App, settings: Settings, clock: Clock, sentinel: DrainSentinel) -> None:
        loop = asyncio.get_running_loop()
        self.counters = Counters()
        self.keys = configured_keys(settings)
        self.revocations = Revocations()
        self.grants = Grants(parts.grant_secret(settings), self.revocations.is_revoked)
        self.remote_keys = _remote_keys(settings, self.keys, clock)
        self.engine = configured_engine(settings, clock)
        self.user_rates = SharedBuckets[str](parts.user_rate(settings), MAX_USERS_RATED)
        self.connection_limits = ConnectionLimits(
            total=parts.total_connections(settings),
            per_user=settings.limits.connections_per_user,
            per_ip=settings.limits.connections_per_ip,
            unfinished_per_ip=settings.limits.unfinished_handshakes_per_ip,
        )
        self.tickets = TicketOffice(secrets.token_bytes, ttl_s=settings.auth.ticket_ttl_s)
        admission = self._admission(app, settings, clock)
        tick = Tick(loop.call_soon, clock.monotonic)
        clients = Clients()
        self.hub = hub = Hub(loop.call_soon, tick.request, self.counters, clients.by_id)
        self.node = self._node(
            app, settings, clock, tick, hub=hub, admission=admission, clients=clients
        )
        self.backend = BackendSide(settings, clock, self.node, self.counters, self.revocations)
        self.shared = Shared(
            handler=self.node,
            limits=parts.connection_limits(settings),
            clock=clock,
            counters=self.counters,
            tick=tick,
            wheel=HeartbeatWheel(parts.slice_s(settings)),
            loop=loop,
            ended=self._ended,
        )
        self._set_phases(tick, hub)
        self.door = self._front_door(app, settings, admission, sentinel)
        self.asgi_door = AsgiDoor(self.door, self.shared)
        self.door.streams = stream_door(settings, self.door, self.node, self.shared, hub)
        self.desks = desks(settings, self.door, self.node, self.shared)

    def _set_phases(self, tick: Tick, hub: Hub) -> None:
        engine, shared = self.engine, self.shared
        tick.set_phases(
            engine.drain,
            hub.flush,
            shared.flush,
            self.node.observe_written,
            has_more=lambda: engine.has_work or hub.has_work or shared.has_work,
            waiting=self._waiting,
        )

    def _waiting(self) -> int:
        """Publications that each cost many writes: to a few readers, company saves nothing."""
        return self.engine.in_flight if self.counters.connections >= MANY_READERS else 0

    def _admission(self, app: App, settings: Settings, clock: Clock) -> Admission:
        remote_keys = self.remote_keys
        return Admission(
            origins=parts.origin_policy(settings),
            allows_any_origin=ANY in settings.origins.allowed,
            verifier=None if self.keys is None else self.keys.verifier,
            tickets=self.tickets,
            clock=clock,
            cookie_name=settings.auth.cookie,
            allows_anonymous=settings.auth.anonymous,
            authenticate=app.authenticator,
            renew_keys=None if remote_keys is None else remote_keys.renew_for_unknown_key,
            is_revoked=self.revocations.is_revoked,
            grants=self.grants,
        )

    def _node(
        self,
        app: App,
        settings: Settings,
        clock: Clock,
        tick: Tick,
        *,
        hub: Hub,
        admission: Admission,
        clients: Clients,
    ) -> Node:
        channels = parts.channel_table(settings, app.registry)
        call_later = asyncio.get_running_loop().call_later
        interval_s = settings.lobby.occupancy_interval_s
        return Node(
            engine=self.engine,
            hub=hub,
            tick=tick,
            channels=channels,
            clock=clock,
            counters=self.counters,
            clients=clients,
            announcer=Announcer(hub, channels, call_later, interval_s),
            user_rates=self.user_rates,
            refresh=admission.refresh,
            grants=self.grants,
            options=NodeOptions(
                session_limits=parts.session_limits(settings),
                heartbeat_s=settings.heartbeat.interval_s,
                lobby=settings.lobby.channel,
            ),
            application=app.side,
        )

    def _front_door(
        self, app: App, settings: Settings, admission: Admission, sentinel: DrainSentinel
    ) -> FrontDoor:
        return FrontDoor(
            admission=admission,
            connections=self.connection_limits,
            proxies=TrustedProxies(map(str, settings.proxy.trusted)),
            paths=settings.server.websocket_paths,
            head_limits=parts.head_limits(settings),
            receive_limits=parts.receive_limits(settings),
            wires=_wires(settings, app.side.message_types),
            shared=self.shared,
            sentinel=sentinel,
            ticket_ttl_s=settings.auth.ticket_ttl_s,
        )

    def _ended(self, connection: Client) -> None:
        """The door is made after what tells it of a connection's end."""
        self.door.ended(connection)

    def set_limits(self, settings: Settings) -> None:
        """Take over ``settings.limits``. Sizes and rates of who is connected stay as they are."""
        limits = settings.limits
        self.shared.limits = parts.connection_limits(settings)
        self.door.set_limits(parts.head_limits(settings), parts.receive_limits(settings))
        self.node.set_limits(parts.session_limits(settings))
        self.backend.set_limits(settings)
        self.desks.publications.set_limits()
        self.user_rates.set_rate(parts.user_rate(settings))
        self.connection_limits.set_limits(
            total=parts.total_connections(settings),
            per_user=limits.connections_per_user,
            per_ip=limits.connections_per_ip,
            unfinished_per_ip=limits.unfinished_handshakes_per_ip,
        )


def _remote_keys(settings: Settings, keys: Keys | None, clock: Clock) -> RemoteKeys | None:
    auth, url = settings.auth, settings.auth.jwks_url
    if keys is None or url is None:
        return None
    return RemoteKeys(lambda: fetch_keys(url, issuer=auth.issuer), keys.take_published, clock)


def _wires(settings: Settings, message_types: Sequence[type[Struct]]) -> Wires:
    compression = settings.compression
    deflating = Deflating(compression.window_bits, compression.min_bytes)
    return Wires(
        (NativeDialect(message_types), MessagePackDialect(message_types)),
        deflating if compression.enabled else None,
    )
