"""Serving: sockets, TLS, signals and an event loop around a service."""

from __future__ import annotations

import logging
import socket
import ssl
from pathlib import Path

from uvicorn import Config

from tidewire.app import App
from tidewire.compose.service import Service, asgi
from tidewire.config import Settings
from tidewire.server.listening import adopt, listen_tcp, remove_stale
from tidewire.server.protocol import TidewireProtocol
from tidewire.server.runner import Runner, load_certificate, reload_certificate

logger = logging.getLogger("tidewire.server")


def serve(settings: Settings, app: object | None = None) -> int:
    """Run the server until it is told to stop; answers the process's exit code.

    ``app`` is an ``App``, a ``Service`` made by ``asgi``, any ASGI application, or
    None for the server alone. Raises ``ConfigError`` and ``StartFailed``.
    """
    service = _service(settings, app)
    config = _config(settings, service)
    sockets = _sockets(settings)
    runner = Runner(config, stopping=service.stopping, reload=lambda: _reload(settings, config))
    _log_listening(settings, sockets)
    runner.run(sockets=sockets)
    return 0 if runner.started else START_FAILED


START_FAILED = 3
"""Exit code, as uvicorn's."""


def _service(settings: Settings, app: object | None) -> Service:
    if isinstance(app, Service):
        return app.with_settings(settings)
    return asgi(App() if app is None else app, settings)


def _config(settings: Settings, service: Service) -> Config:
    server, tls = settings.server, settings.tls
    config = Config(
        service,
        uds=server.uds,
        loop=server.loop,
        http=TidewireProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=settings.log.access,
        proxy_headers=bool(settings.proxy.trusted),
        forwarded_allow_ips=[str(network) for network in settings.proxy.trusted],
        server_header=False,
        root_path=server.root_path,
        backlog=server.backlog,
        timeout_keep_alive=int(server.keep_alive_s),
        timeout_graceful_shutdown=max(1, round(server.drain_timeout_s)),
    )
    config.load()
    if tls.cert is not None and tls.key is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        load_certificate(context, tls.cert, tls.key, _password(settings))
        config.ssl = context
    return config


def _password(settings: Settings) -> str | None:
    name = settings.tls.key_password_file
    return None if name is None else Path(name).read_text().rstrip("\r\n")


def _sockets(settings: Settings) -> list[socket.socket] | None:
    """What to listen on; None where uvicorn opens it, as it does for a Unix domain socket."""
    server = settings.server
    if server.fd is not None:
        return [adopt(server.fd)]
    if server.uds is not None:
        remove_stale(server.uds)
        return None
    return [listen_tcp(server.host, server.port)]


def _log_listening(settings: Settings, sockets: list[socket.socket] | None) -> None:
    place = settings.server.uds or ""
    if sockets:
        host, port = sockets[0].getsockname()[:2]
        place = f"{host}:{port}"
    logger.info("listening", extra={"on": place, "tls": settings.tls.cert is not None})


def _reload(settings: Settings, config: Config) -> None:
    if config.ssl is not None and settings.tls.cert is not None and settings.tls.key is not None:
        reload_certificate(config.ssl, settings.tls.cert, settings.tls.key, _password(settings))
