"""A deployment as a client meets it, for ``verify`` and ``bench``: a URL, and a token."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import click

from tidewire.cli.surroundings import Surroundings
from tidewire.errors import ConfigError

MAX_TOKEN_FILE_BYTES = 64 * 1024
"""More than any server reads of a request's head."""

SCHEMES = {"ws": "ws", "wss": "wss", "http": "ws", "https": "wss"}


def deployment_options(function: Any) -> Any:
    """``URL``, ``--token`` and ``--token-file``."""
    for decorate in (
        click.option("--token-file", metavar="FILE", help="File that holds the token."),
        click.option(
            "--token",
            metavar="TOKEN",
            help="Whom to connect as; others on this machine can see it. TIDEWIRE_TOKEN.",
        ),
        click.argument("url"),
    ):
        function = decorate(function)
    return function


def websocket_url(text: str) -> str:
    """The WebSocket's URL for what people type. Raises ``ConfigError``."""
    try:
        parts = urlsplit(text)
        is_usable = parts.scheme in SCHEMES and parts.hostname and (parts.port or 1) > 0
    except ValueError:
        is_usable = False
    if not is_usable or not text.isascii() or not text.isprintable() or " " in text:
        raise ConfigError(f"URL must look like wss://rt.example.com/ws, not {text}")
    path = parts.path if parts.path not in ("", "/") else "/ws"
    return urlunsplit((SCHEMES[parts.scheme], parts.netloc, path, parts.query, ""))


def read_token(around: Surroundings, token: str | None, token_file: str | None) -> str | None:
    """The token that was given, if one was. Raises ``ConfigError``."""
    if token is None and token_file is None:
        token = around.environment.get("TIDEWIRE_TOKEN")
    if token is None and token_file is not None:
        token = _read(around.directory / token_file)
    if token is not None and not (token and token.isascii() and token.isprintable()):
        raise ConfigError("the token is empty, or holds characters that no token has")
    return token


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(MAX_TOKEN_FILE_BYTES).decode("ascii", "replace").strip()
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from None
