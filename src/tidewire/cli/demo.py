"""``tidewire demo``: a chat page on this machine, with nothing to configure."""

from __future__ import annotations

import click
from msgspec.structs import replace

from tidewire.cli.options import load_settings, setting_options, source_options
from tidewire.cli.ports import next_free_port
from tidewire.cli.prepare import start_logging
from tidewire.cli.surroundings import Surroundings
from tidewire.config import Loaded, Server, Settings, check_exposure

PORTS_TRIED = 21
"""The usual port and the twenty after it: more than anybody runs demos side by side."""

ANY_ADDRESS = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared with, never listened on


@click.command()
@setting_options(
    "server.host",
    "server.port",
    "tls.cert",
    "tls.key",
    "proxy.behind",
    "proxy.trusted",
    "auth.anonymous",
    "log.level",
)
@source_options
@click.pass_context
def demo(context: click.Context) -> int:
    """Chat between two browser tabs: open the address it prints twice."""
    around: Surroundings = context.obj
    loaded = load_settings(context)
    settings = demo_settings(loaded)
    start_logging(settings)
    app = around.create_demo(settings)
    return around.serve(
        settings, app, read_again=lambda: settings, listening=lambda: _invite(settings)
    )


def _invite(settings: Settings) -> None:
    click.echo(f"Tidewire demo: open {url_of(settings)} in two tabs and chat. Ctrl+C stops it.")


def demo_settings(loaded: Loaded) -> Settings:
    """Everybody is let in, and where no port was asked for the next free one is taken."""
    given = loaded.settings
    auth = replace(given.auth, anonymous=True)
    server = replace(given.server, uds=None, fd=None)  # a browser opens an address
    settings = replace(given, auth=auth, server=server)
    check_exposure(settings, anonymous_was_asked_for=given.auth.anonymous)
    if "server.port" in loaded.origins:
        return settings
    port = next_free_port(server.host, server.port, tries=PORTS_TRIED)
    return replace(settings, server=replace(server, port=port))


def url_of(settings: Settings) -> str:
    scheme = "https" if settings.tls.cert else "http"
    return f"{scheme}://{_browsable(settings.server)}/"


def _browsable(server: Server) -> str:
    """An address a browser on this machine can open."""
    host = "localhost" if server.host in ANY_ADDRESS else server.host.strip("[]")
    return f"[{host}]:{server.port}" if ":" in host else f"{host}:{server.port}"
