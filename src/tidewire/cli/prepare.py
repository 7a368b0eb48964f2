"""From a command line to what the server is started with: settings, logging, application."""

from __future__ import annotations

import click
from msgspec.structs import replace

from tidewire.cli.apps import load_app
from tidewire.cli.options import app_of, export_env_file, load_settings
from tidewire.config import Settings, check_exposure
from tidewire.engines.sqlite import why_unusable
from tidewire.engines.urls import database_of
from tidewire.errors import StartFailed
from tidewire.server.logs import configure_logging

QUICK_DRAIN_S = 1.0
"""How long a server that is reloaded waits for its clients: a developer waits for it, too."""


def prepare(context: click.Context) -> tuple[Settings, object | None]:
    """The checked settings and the application they are for; neither serves anything yet."""
    settings = load_settings(context).settings
    export_env_file(context)
    start_logging(settings)
    chosen = app_of(context)
    app = None
    if chosen.name is not None:
        app = load_app(chosen.name, directory=chosen.directory, is_factory=chosen.is_factory)
    check_exposure(settings, app_authenticates=has_authenticate(app))
    check_database(settings)
    return settings, app


def check_database(settings: Settings) -> None:
    """Raises ``StartFailed`` where the engine could not use its file."""
    database = database_of(settings.engine.url)
    if database is not None and (reason := why_unusable(database)):
        raise StartFailed(reason)


def start_logging(settings: Settings) -> None:
    log = settings.log
    configure_logging(level=log.level, style=log.format, access=log.access)


def has_authenticate(app: object | None) -> bool:
    """Whether the application decides itself who may connect."""
    return bool(getattr(app, "has_authenticate", False))


def with_quick_drain(settings: Settings) -> Settings:
    server = settings.server
    short = replace(server, drain_timeout_s=min(server.drain_timeout_s, QUICK_DRAIN_S))
    return replace(settings, server=short)
