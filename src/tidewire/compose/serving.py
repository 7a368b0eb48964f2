"""Serving: sockets, TLS, signals and an event loop around a service."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable

from uvicorn import Config

from tidewire.app import App
from tidewire.compose import parts
from tidewire.compose.reloading import Reloader
from tidewire.compose.service import Service, asgi
from tidewire.config import Settings
from tidewire.server.allocator import keep_large_blocks_apart
from tidewire.server.listening import adopt, listen_tcp, remove_stale
from tidewire.server.protocol import PrivateProtocol, ProtocolOnOwnSocket, TidewireProtocol
from tidewire.server.runner import Runner

logger = logging.getLogger("tidewire.server")


START_FAILED = 3
"""Exit code, as uvicorn's."""


def serve(
    settings: Settings,
    app: object | None = None,
    *,
    read_again: Callable[[], Settings] | None = None,
    listening: Callable[[], None] | None = None,
) -> int:
    """Run the server until it is told to stop; answers the process's exit code.

    ``app`` is an ``App``, a ``Service`` made by ``asgi``, any ASGI application, or
    None for the server alone. ``read_again`` answers the settings as they are at a
    SIGHUP; without it only the files they name are read again. ``listening`` is
    called once, when clients may come. Raises ``ConfigError`` and ``StartFailed``.
    """
    service = _service(settings, app)
    config = _config(settings, service)
    sockets = _sockets(settings)

    def announce() -> None:
        _log_listening(settings, sockets)
        if listening is not None:
            listening()

    private = _private(settings, service, config)
    runner = Runner(
        config,
        stopping=service.stopping,
        reload=Reloader(settings, read_again or (lambda: settings), service, config.ssl),
        listening=announce,
        tls_handshake_s=settings.limits.handshake_s,
        private=private,
    )
    runner.run(sockets=sockets)
    return 0 if runner.started else START_FAILED


def _service(settings: Settings, app: object | None) -> Service:
    if isinstance(app, Service):
        return app.with_settings(settings)
    return asgi(App() if app is None else app, settings)


def _config(settings: Settings, service: Service) -> Config:
    server = settings.server
    config = Config(
        service,
        uds=server.uds,
        loop=server.loop,
        http=ProtocolOnOwnSocket if _opens_tcp(settings) else TidewireProtocol,
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
    certificate = parts.certificate(settings)
    if certificate is not None:
        keep_large_blocks_apart()
        config.ssl = certificate.context()
    return config


def _private(
    settings: Settings, service: Service, public: Config
) -> tuple[Config, socket.socket] | None:
    """The API's own port, where one is asked for; with the public one's certificate."""
    api = settings.api
    if api.port is None:
        return None
    sock = listen_tcp(api.host, api.port)
    config = Config(
        service.private,
        interface="asgi3",  # a bound method is not recognised as one
        http=PrivateProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=settings.log.access,
        proxy_headers=public.proxy_headers,
        forwarded_allow_ips=public.forwarded_allow_ips,
        server_header=False,
        timeout_keep_alive=public.timeout_keep_alive,
    )
    config.load()
    config.ssl = public.ssl
    logger.info("API", extra={"on": "{}:{}".format(*sock.getsockname()[:2])})
    return config, sock


def _opens_tcp(settings: Settings) -> bool:
    return settings.server.fd is None and settings.server.uds is None


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
