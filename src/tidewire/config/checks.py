"""What settings must agree on with each other, and the files they name.

One small function per rule, each of which raises ``ConfigError``. Opens the
files that are named, to say at the start what would fail later.
"""

from __future__ import annotations

import ssl
from urllib.parse import urlsplit

from tidewire.channels.names import is_name
from tidewire.channels.options import ChannelOptions
from tidewire.channels.patterns import ChannelTable
from tidewire.config.exposure import is_reachable_by_others
from tidewire.config.keys import read_keys, read_small
from tidewire.config.schemas import read_schema
from tidewire.config.settings import Auth, Engine, Server, Settings, Tls
from tidewire.engines.urls import database_of
from tidewire.errors import ConfigError, StartFailed
from tidewire.security.api_keys import ApiKeys

ORIGIN_SCHEMES = ("http", "https")


def check_settings(settings: Settings) -> None:
    """Every rule that one setting alone cannot break."""
    check_server(settings.server)
    check_tls(settings.tls)
    check_proxy(settings)
    check_origins(settings)
    check_auth(settings.auth)
    check_engine(settings.engine)
    check_sizes(settings)
    check_api(settings)
    check_channels(settings)


def check_server(server: Server) -> None:
    if server.uds is not None and server.fd is not None:
        raise ConfigError("server.uds and server.fd exclude each other: give one")
    if not server.host:
        raise ConfigError("server.host is empty: 0.0.0.0 listens on every address")
    for path in server.websocket_paths:
        if not path.startswith("/"):
            raise ConfigError(f'server.websocket_paths: "{path}" must start with /')
    if server.root_path and not server.root_path.startswith("/"):
        raise ConfigError(f'server.root_path: "{server.root_path}" must start with /')


def check_engine(engine: Engine) -> None:
    try:
        database_of(engine.url)
    except ValueError as error:
        raise ConfigError(f"engine.url: {error}") from None


def check_tls(tls: Tls) -> None:
    if (tls.cert is None) != (tls.key is None):
        given, missing = ("cert", "key") if tls.cert else ("key", "cert")
        raise ConfigError(f"tls.{given} needs tls.{missing} beside it")
    if tls.key_password_file and not tls.key:
        raise ConfigError("tls.key_password_file needs tls.cert and tls.key beside it")
    if tls.cert and tls.key:
        _check_certificate(tls.cert, tls.key, tls.key_password_file)


def _check_certificate(cert: str, key: str, password_file: str | None) -> None:
    for name in (cert, key):
        read_small(name)
    password = read_small(password_file).rstrip(b"\r\n") if password_file else b""
    try:
        # Without a password given, OpenSSL would stop and ask the terminal for it.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert, key, lambda: password)
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or "not PEM, or another password"
        raise StartFailed(f"{cert} and {key} are no certificate and its key ({reason})") from None


def check_proxy(settings: Settings) -> None:
    """Whom to believe has to be said, or any client could choose its own address."""
    if settings.proxy.behind and not settings.proxy.trusted and settings.server.uds is None:
        raise ConfigError(
            "--behind-proxy needs the proxy's address: --forwarded-allow-ips or proxy.trusted"
        )


def check_origins(settings: Settings) -> None:
    for origin in settings.origins.allowed:
        if origin == "*" and settings.auth.cookie:
            raise ConfigError(
                "origins.allowed = * lets any web page use the cookie of auth.cookie: "
                "name the pages' origins"
            )
        if origin not in ("*", "null") and not _is_origin(origin):
            raise ConfigError(
                f'origins.allowed: "{origin}" is no origin; write it as https://app.example.com'
            )


def _is_origin(text: str) -> bool:
    try:
        parts = urlsplit(text)
        has_port = parts.port is None or parts.port > 0
    except ValueError:
        return False
    rebuilt = f"{parts.scheme}://{parts.netloc}"
    is_plain = rebuilt.lower() == text.lower() and "@" not in parts.netloc
    return parts.scheme in ORIGIN_SCHEMES and bool(parts.hostname) and has_port and is_plain


def check_auth(auth: Auth) -> None:
    read_keys(auth)
    if auth.jwks_url:
        _check_jwks_url(auth.jwks_url)


def _check_jwks_url(url: str) -> None:
    """Keys fetched in the clear are whoever's keys; this machine itself may be asked so."""
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    host = parts.hostname or ""
    is_local = parts.scheme == "http" and not is_reachable_by_others(Server(host=host))
    if not host or not (parts.scheme == "https" or is_local):
        raise ConfigError(f'auth.jwks_url must be an https address, not "{url}"')


def check_api(settings: Settings) -> None:
    ApiKeys(settings.api.keys)
    if not settings.api.host:
        raise ConfigError("api.host is empty: 0.0.0.0 listens on every address")


def check_sizes(settings: Settings) -> None:
    """A message that may be sent must fit into a reader's queue, or every reader is cut; and into
    its sender's burst, or its size would depend on when it is sent."""
    limits = settings.limits
    for name in ("queue_bytes", "publication_bytes_burst"):
        if getattr(limits, name) < limits.message_bytes:
            raise ConfigError(f"limits.{name} must be at least limits.message_bytes")


def check_channels(settings: Settings) -> None:
    if not is_name(settings.lobby.channel):
        raise ConfigError(f'lobby.channel: "{settings.lobby.channel}" is no channel name')
    ChannelTable(
        (each.pattern, ChannelOptions(subscribed_by_server=each.subscribed_by_server))
        for each in settings.channels
    )
    for channel in settings.channels:
        if channel.publications_burst is not None and channel.publications_per_s is None:
            raise ConfigError(
                f'channels: "{channel.pattern}": publications_burst needs publications_per_s'
            )
        if channel.schema is not None:
            read_schema(channel.schema)
