"""Parts: each room's own values, taken from the settings."""

from __future__ import annotations

import math
import resource
import secrets
from typing import TypeVar

from tidewire.app.registry import Registry
from tidewire.channels.options import ChannelOptions
from tidewire.channels.patterns import ChannelTable
from tidewire.config import Channel, Settings, read_schema, read_secrets
from tidewire.security.origin import OriginPolicy
from tidewire.security.rates import Rate
from tidewire.server.certificates import Certificate
from tidewire.server.door import HeadLimits
from tidewire.server.shared import ConnectionLimits
from tidewire.session import SessionLimits
from tidewire.websocket.receiver import ReceiveLimits

T = TypeVar("T")

SHARE_OF_DESCRIPTORS = 0.8
"""Of the process's file descriptors for connections; the rest is for files and listeners."""

MIN_SLICE_S = 0.05
"""Of the heartbeat wheel: finer would only wake an idle process more often."""


def channel_table(settings: Settings, declared: Registry) -> ChannelTable:
    """The application's own, the configured patterns in their order, and the lobby behind them.

    Raises ``ConfigError``.
    """
    default = ChannelOptions(
        history_size=settings.history.size,
        history_ttl_s=settings.history.ttl_s,
        announce_up_to=settings.lobby.announce_up_to,
    )
    configured = [(each.pattern, _options(each, default)) for each in settings.channels]
    return ChannelTable(declared.rules([*configured, (settings.lobby.channel, default)], default))


def _options(channel: Channel, default: ChannelOptions) -> ChannelOptions:
    return ChannelOptions(
        history_size=_first(channel.history_size, default.history_size),
        history_ttl_s=_first(channel.history_ttl_s, default.history_ttl_s),
        keeps_latest=channel.keeps_latest,
        presence=channel.presence,
        announce_up_to=_first(channel.announce_up_to, default.announce_up_to),
        leave_after_s=channel.leave_after_s,
        may_subscribe=channel.may_subscribe,
        may_publish=channel.may_publish,
        may_read_history=channel.may_read_history,
        may_read_presence=channel.may_read_presence,
        publish_rate=_publish_rate(channel),
        check=None if channel.schema is None else read_schema(channel.schema),
        slow_reader=channel.slow_reader,
        echo=channel.echo,
        subscribed_by_server=channel.subscribed_by_server,
    )


def _publish_rate(channel: Channel) -> Rate | None:
    per_second = channel.publications_per_s
    if per_second is None:
        return None
    return Rate(per_second, _first(channel.publications_burst, math.ceil(2 * per_second)))


def _first(chosen: T | None, default: T) -> T:
    return default if chosen is None else chosen


def session_limits(settings: Settings) -> SessionLimits:
    limits = settings.limits
    return SessionLimits(
        publications=Rate(limits.publications_per_s, limits.publications_burst),
        publication_bytes=Rate(limits.publication_bytes_per_s, limits.publication_bytes_burst),
        frames=Rate(limits.frames_per_s, limits.frames_burst),
        subscribes=Rate(limits.subscribes_per_s, limits.subscribes_burst),
        refusals=limits.refusals,
        max_message_bytes=limits.message_bytes,
        subscriptions=limits.subscriptions,
        unanswered_ids=limits.unanswered_ids,
    )


def connection_limits(settings: Settings) -> ConnectionLimits:
    limits, heartbeat = settings.limits, settings.heartbeat
    return ConnectionLimits(
        session=session_limits(settings),
        queue_bytes=limits.queue_bytes,
        queue_age_s=limits.queue_age_s,
        unfinished_message_s=limits.unfinished_message_s,
        heartbeat_interval_s=heartbeat.interval_s,
        heartbeat_timeout_s=heartbeat.timeout_s,
    )


def grant_secret(settings: Settings) -> bytes:
    """What resume grants are signed with: alike on all servers that share a configured secret."""
    known = read_secrets(settings.auth)
    return known[0] if known else secrets.token_bytes(32)


def user_rate(settings: Settings) -> Rate:
    limits = settings.limits
    return Rate(limits.user_publications_per_s, limits.user_publications_burst)


def receive_limits(settings: Settings) -> ReceiveLimits:
    return ReceiveLimits(
        max_message_bytes=settings.limits.message_bytes, max_fragments=settings.limits.fragments
    )


def head_limits(settings: Settings) -> HeadLimits:
    limits = settings.limits
    return HeadLimits(
        bytes=limits.header_bytes, headers=limits.headers, deadline_s=limits.handshake_s
    )


def origin_policy(settings: Settings) -> OriginPolicy:
    return OriginPolicy(settings.origins.allowed, cookies=settings.auth.cookie is not None)


def certificate(settings: Settings) -> Certificate | None:
    tls = settings.tls
    if tls.cert is None or tls.key is None:
        return None
    return Certificate(tls.cert, tls.key, tls.key_password_file)


def total_connections(settings: Settings) -> int:
    """As configured, or most of the file descriptors, of which the hard limit is taken."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return settings.limits.connections or int(hard * SHARE_OF_DESCRIPTORS)


def slice_s(settings: Settings) -> float:
    """How late a heartbeat may be: a twentieth of what it waits for, and one turn holds any."""
    interval_s, timeout_s = settings.heartbeat.interval_s, settings.heartbeat.timeout_s
    return max(MIN_SLICE_S, min(interval_s, timeout_s) / 20, max(interval_s, timeout_s) / 500)
