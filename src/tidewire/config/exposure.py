"""What a server must not do on an address that others can reach, unless told explicitly.

Settings go in, ``ConfigError`` comes out. Looks at an inherited socket, and at nothing else.
"""

from __future__ import annotations

import ipaddress
import os
import socket

from tidewire.config.settings import Auth, Server, Settings
from tidewire.errors import ConfigError


def check_exposure(
    settings: Settings,
    *,
    app_authenticates: bool = False,
    anonymous_was_asked_for: bool = True,
) -> None:
    """Refuse to let strangers in, or to carry tokens in the clear, by mistake.

    ``app_authenticates``: the application has its own ``authenticate`` hook.
    ``anonymous_was_asked_for``: false where a command, not its user, let
    anonymous clients in, as ``demo`` does.
    """
    _check_somebody_may_connect(settings.auth, app_authenticates=app_authenticates)
    if is_reachable_by_others(settings.server):
        if settings.auth.anonymous and not anonymous_was_asked_for:
            raise ConfigError(_refusal(settings, "anonymous clients", "--anonymous"))
        if not (settings.tls.cert or settings.proxy.behind):
            raise ConfigError(
                _refusal(
                    settings,
                    "no TLS",
                    "--tls-cert and --tls-key, or --behind-proxy with a "
                    "trusted proxy that ends TLS",
                )
            )
    _check_api_is_not_in_the_clear(settings)


def _check_api_is_not_in_the_clear(settings: Settings) -> None:
    """A key that travels in the clear is anybody's on the way."""
    api = settings.api
    is_reachable = api.port is not None and is_reachable_by_others(Server(host=api.host))
    if is_reachable and api.keys and not (settings.tls.cert or settings.proxy.behind):
        raise ConfigError(
            f"others can reach {api.host}, and there the API does not start without TLS: give"
            " --tls-cert and --tls-key, or --behind-proxy with a trusted proxy that ends TLS"
        )


def _refusal(settings: Settings, danger: str, way_out: str) -> str:
    return (
        f"others can reach {settings.server.host}, and there it does not start with "
        f"{danger} unless you give {way_out}"
    )


def has_keys(auth: Auth) -> bool:
    """Whether any way to check a token is configured."""
    return bool(
        auth.secrets
        or auth.secret_files
        or auth.public_key_files
        or auth.jwks_file
        or auth.jwks_url
    )


def _check_somebody_may_connect(auth: Auth, *, app_authenticates: bool) -> None:
    if not (auth.anonymous or has_keys(auth) or app_authenticates):
        raise ConfigError(
            "nobody could connect: configure a key (--secret-file FILE, or auth.secrets, "
            "auth.public_key_files, auth.jwks_url), or let everybody in with --anonymous"
        )


def is_reachable_by_others(server: Server) -> bool:
    """Whether anything but this machine can connect.

    A name other than localhost counts as reachable whatever it resolves to
    now. An inherited socket is asked what it listens on.
    """
    host = server.host if server.fd is None else _host_of(server.fd)
    if server.uds is not None or host is None:
        return False
    host = host.strip("[]").partition("%")[0]
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() != "localhost"


def _host_of(descriptor: int) -> str | None:
    """The address an inherited socket listens on; None for a Unix domain socket."""
    try:
        with socket.socket(fileno=os.dup(descriptor)) as inherited:
            address = inherited.getsockname()
    except OSError:
        raise ConfigError(f"server.fd: file descriptor {descriptor} is no socket") from None
    return str(address[0]) if isinstance(address, tuple) else None
