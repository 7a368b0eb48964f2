"""Reloading: what SIGHUP changes while the server runs, and nobody is disconnected.

Certificate, keys of either kind, limits and log level. Each is taken over on its own: one that
cannot be read is one line in the log, and stays as it was.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable

from msgspec.structs import asdict, replace

from tidewire.compose import parts
from tidewire.compose.service import Service
from tidewire.config import Settings
from tidewire.errors import TidewireError

logger = logging.getLogger("tidewire.server")


class Reloader:
    """Called in the event loop for each SIGHUP. ``read`` answers the settings as they are now."""

    def __init__(
        self,
        settings: Settings,
        read: Callable[[], Settings],
        service: Service,
        context: ssl.SSLContext | None,
    ) -> None:
        self._settings = settings
        self._read = read
        self._service = service
        self._context = context

    def __call__(self) -> None:
        self._attempt("settings", self._read_settings)
        self._attempt("certificate", self._renew_certificate)
        self._attempt("keys", self._read_keys)
        self._attempt("API keys", lambda: self._service.take_api_keys(self._settings))
        self._attempt("limits", lambda: self._service.set_limits(self._settings))
        logging.getLogger().setLevel(self._settings.log.level.upper())
        logger.info("reloaded")

    def _attempt(self, what: str, action: Callable[[], None]) -> None:
        try:
            action()
        except TidewireError as error:
            logger.warning(f"{what} not reloaded", extra={"reason": str(error)})

    def _read_settings(self) -> None:
        """Of the new settings only what can change; whatever else differs waits for a start."""
        new, old = self._read(), self._settings
        auth = replace(
            old.auth,
            secrets=new.auth.secrets,
            secret_files=new.auth.secret_files,
            public_key_files=new.auth.public_key_files,
            jwks_file=new.auth.jwks_file,
        )
        taken = replace(old, auth=auth, tls=new.tls if self._context else old.tls,
                        limits=new.limits, log=replace(old.log, level=new.log.level),
                        api=replace(old.api, keys=new.api.keys))  # fmt: skip
        waiting = [name for name, value in asdict(new).items() if value != getattr(taken, name)]
        if waiting:
            logger.warning("changed settings wait for a restart", extra={"sections": waiting})
        self._settings = taken

    def _renew_certificate(self) -> None:
        certificate = parts.certificate(self._settings)
        if self._context is not None and certificate is not None:
            certificate.renew(self._context)

    def _read_keys(self) -> None:
        self._service.read_keys_again(self._settings)
