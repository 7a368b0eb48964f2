"""Commands that ask a running server: where it is, and the key that opens its API."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from tidewire.api import Api
from tidewire.cli.surroundings import Surroundings
from tidewire.errors import ConfigError

DEFAULT_URL = "http://127.0.0.1:8080"
MAX_KEY_FILE_BYTES = 4_096
"""A key has 47 characters; a device given by mistake is not read to its end."""

URL, KEY, KEY_FILE = "tidewire.url", "tidewire.key", "tidewire.key_file"
"""Keys of click's ``Context.meta``."""


def remote_options(function: Any) -> Any:
    """``--url``, ``--key`` and ``--key-file``; the environment where they are not given."""
    for key, name, metavar, text in (
        (KEY_FILE, "--key-file", "FILE", "File that holds the API key. TIDEWIRE_API_KEY_FILE."),
        (KEY, "--key", "KEY", "API key; others on this machine can see it. TIDEWIRE_API_KEY."),
        (URL, "--url", "URL", f"Where the API is; {DEFAULT_URL} unless given. TIDEWIRE_URL."),
    ):
        function = click.option(
            name, metavar=metavar, expose_value=False, callback=_keep(key), help=text
        )(function)
    return function


def _keep(key: str) -> Callable[[click.Context, click.Parameter, Any], None]:
    def callback(context: click.Context, _: click.Parameter, value: Any) -> None:
        context.meta[key] = value

    return callback


def connect(context: click.Context) -> Api:
    """A client of the server that the command line names. Raises ``ConfigError`` without a key."""
    around: Surroundings = context.obj
    environment = around.environment
    url = context.meta[URL] or environment.get("TIDEWIRE_URL") or DEFAULT_URL
    if not url.startswith(("http://", "https://")):
        raise ConfigError(f"--url must start with http:// or https://, not {url}")
    return around.connect(url, _key(context, environment))


def _key(context: click.Context, environment: Any) -> str:
    key: str | None = context.meta[KEY]
    name: str | None = context.meta[KEY_FILE]
    if key is None and name is None:
        key, name = environment.get("TIDEWIRE_API_KEY"), environment.get("TIDEWIRE_API_KEY_FILE")
    if key is None and name is not None:
        key = _read(Path(name))
    if not key or not key.isascii() or not key.isprintable():
        raise ConfigError("give an API key: TIDEWIRE_API_KEY, --key-file or --key")
    return key


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(MAX_KEY_FILE_BYTES).decode("ascii", "replace").strip()
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from None
