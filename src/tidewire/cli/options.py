"""Flags that set settings: what they accept and mean is read from the settings themselves.

A flag's text goes to ``tidewire.config`` unread, so that a wrong value gets
the same sentence wherever it was given.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import click
from click.core import ParameterSource

from tidewire.cli.surroundings import Surroundings
from tidewire.config import Loaded, Sources, load
from tidewire.config.fields import FIELDS, Field
from tidewire.config.sources import read_env_file

AnyFunction = TypeVar("AnyFunction", bound=Callable[..., Any])
Decorator: TypeAlias = Callable[[AnyFunction], AnyFunction]

FLAGS = "tidewire.flags"
CONFIG_FILE = "tidewire.config_file"
ENV_FILE = "tidewire.env_file"
APP = "tidewire.app"
APP_DIRECTORY = "tidewire.app_directory"
IS_FACTORY = "tidewire.is_factory"
"""Keys of click's ``Context.meta``, where the flags wait until ``load_settings``."""

SERVER_FLAGS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("server.host", ("--host",)),
    ("server.port", ("--port",)),
    ("server.uds", ("--uds",)),
    ("server.fd", ("--fd",)),
    ("server.loop", ("--loop",)),
    ("server.root_path", ("--root-path",)),
    ("server.backlog", ("--backlog",)),
    ("server.keep_alive_s", ("--timeout-keep-alive",)),
    ("server.drain_timeout_s", ("--drain-timeout", "--timeout-graceful-shutdown")),
    ("tls.cert", ("--tls-cert", "--ssl-certfile")),
    ("tls.key", ("--tls-key", "--ssl-keyfile")),
    ("proxy.behind", ("--behind-proxy",)),
    ("proxy.trusted", ("--forwarded-allow-ips",)),
    ("origins.allowed", ("--origin",)),
    ("engine.url", ("--engine",)),
    ("auth.anonymous", ("--anonymous",)),
    ("auth.secret_files", ("--secret-file",)),
    ("log.level", ("--log-level",)),
    ("log.format", ("--log-format",)),
    ("log.access", ("--access-log/--no-access-log",)),
)
"""Named as uvicorn names them wherever the meaning is the same."""

METAVARS = {
    "server.host": "ADDRESS",
    "server.port": "PORT",
    "server.uds": "PATH",
    "server.root_path": "PREFIX",
    "tls.cert": "FILE",
    "tls.key": "FILE",
    "proxy.trusted": "CIDR,...",
    "origins.allowed": "ORIGIN",
    "engine.url": "URL",
    "auth.secret_files": "FILE",
}
REPEATABLE = frozenset({"origins.allowed", "auth.secret_files"})


def setting_options(*paths: str) -> Decorator[Any]:
    """The flags of these settings; all of them where none is named."""
    chosen = [(path, names) for path, names in SERVER_FLAGS if not paths or path in paths]

    def decorate(function: Any) -> Any:
        for path, names in reversed(chosen):
            function = _option(FIELDS[path], names)(function)
        return function

    return decorate


def _option(field: Field, names: tuple[str, ...]) -> Decorator[Any]:
    is_switch = field.accepts == "true or false"
    is_repeatable = field.path in REPEATABLE
    shape: dict[str, Any] = {"is_flag": True} if is_switch else {"metavar": metavar(field)}
    return click.option(
        *names,
        field.path.replace(".", "__"),
        default=None,
        multiple=is_repeatable,
        expose_value=False,
        callback=_remember(field.path),
        help=f"{field.description}{' Repeatable.' if is_repeatable else ''}",
        **shape,
    )


def metavar(field: Field) -> str:
    """The value's place in a usage line: its choices, or what its unit or name says."""
    if field.accepts.startswith("one of "):
        return "|".join(field.accepts.removeprefix("one of ").split(", "))
    if field.name.endswith("_s"):
        return "SECONDS"
    return METAVARS.get(field.path, "INTEGER" if "whole number" in field.accepts else "TEXT")


def _remember(path: str) -> Callable[[click.Context, click.Parameter, Any], None]:
    def callback(context: click.Context, parameter: click.Parameter, value: Any) -> None:
        if context.get_parameter_source(str(parameter.name)) is not ParameterSource.DEFAULT:
            given = list(value) if isinstance(value, tuple) else value
            context.meta.setdefault(FLAGS, {})[path] = (parameter.opts[0], given)

    return callback


def source_options(function: Any) -> Any:
    """``--config`` and ``--env-file``: where else settings come from."""
    for key, name, text in (
        (ENV_FILE, "--env-file", "File of NAME=value lines, read below the environment."),
        (CONFIG_FILE, "--config", "TOML file to read instead of tidewire.toml."),
    ):
        function = click.option(
            name, metavar="FILE", expose_value=False, callback=_keep(key), help=text
        )(function)
    return function


def app_options(function: Any) -> Any:
    """Which application to serve, and how to find it."""
    kept: dict[str, Any] = {"expose_value": False}
    for decorate in (
        click.option(
            "--factory",
            is_flag=True,
            callback=_keep(IS_FACTORY),
            help="APP is a function that returns the application.",
            **kept,
        ),
        click.option(
            "--app-dir",
            metavar="DIR",
            callback=_keep(APP_DIRECTORY),
            help="Directory to import APP from; the current one unless given.",
            **kept,
        ),
        click.argument("app", metavar="[APP]", required=False, callback=_keep(APP), **kept),
    ):
        function = decorate(function)
    return function


def _keep(key: str) -> Callable[[click.Context, click.Parameter, Any], None]:
    def callback(context: click.Context, _: click.Parameter, value: Any) -> None:
        context.meta[key] = value

    return callback


@dataclass(frozen=True, slots=True)
class AppOptions:
    """``name`` is "module:attribute", or None for the server on its own."""

    name: str | None
    directory: Path
    is_factory: bool


def app_of(context: click.Context) -> AppOptions:
    around: Surroundings = context.obj
    return AppOptions(
        name=context.meta[APP],
        directory=around.directory / (context.meta[APP_DIRECTORY] or ""),
        is_factory=context.meta[IS_FACTORY],
    )


def load_settings(context: click.Context) -> Loaded:
    """The settings that this command line, its environment and its files make."""
    around: Surroundings = context.obj
    return load(
        Sources(
            flags=context.meta.get(FLAGS, {}),
            environment=around.environment,
            env_file=_path(context, ENV_FILE),
            config_file=_path(context, CONFIG_FILE),
            directory=around.directory,
        )
    )


def _path(context: click.Context, key: str) -> Path | None:
    given = context.meta.get(key)
    return Path(given) if given else None


def export_env_file(context: click.Context) -> None:
    """Gives the application the file's variables too; the real environment goes before them."""
    around: Surroundings = context.obj
    if path := _path(context, ENV_FILE):
        for name, value in read_env_file(path).items():
            around.environment.setdefault(name, value)
