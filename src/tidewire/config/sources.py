"""Where values come from: files, environment, flags. Each becomes a layer of given values.

Names are checked here, values in ``loading``. Opens the files it is told of.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from msgspec import Struct

from tidewire.config.fields import (
    CHANNELS,
    CHANNELS_VARIABLE,
    ENV_PREFIX,
    FIELDS,
    SECTIONS,
    nearest,
)
from tidewire.errors import ConfigError

CONFIG_FILE = "tidewire.toml"
PROJECT_FILE = "pyproject.toml"
MAX_FILE_BYTES = 1_048_576
"""No configuration is this long; a device or a log given by mistake is not read to its end."""

BORROWED_VARIABLES = {"PORT": "server.port", "FORWARDED_ALLOW_IPS": "proxy.trusted"}
"""Variables that platforms and other servers set already. Ours go before them."""

LINK_SCHEMES = ("tcp://", "udp://")
"""Container platforms describe a service called tidewire in variables such as
``TIDEWIRE_SERVER_PORT=tcp://...``. These are not ours, so they are no mistake."""

_OF_PLATFORMS = re.compile(r"_(?:SERVICE_HOST|SERVICE_PORT(?:_.+)?|PORT(?:_\d+_.+)?|NAME)$")
"""More of theirs, whose values are plain: ``TIDEWIRE_SERVER_SERVICE_HOST=10.0.0.1``."""

OF_CLIENTS = frozenset({"TIDEWIRE_API_KEY", "TIDEWIRE_API_KEY_FILE"})
"""Ours, for those who ask a server over its HTTP API."""


class Given(Struct, frozen=True):
    """A value as it was given. ``is_text`` where the place it comes from knows only text."""

    value: object
    name: str
    place: str | None = None
    is_text: bool = False

    @property
    def subject(self) -> str:
        """How a message names it."""
        return f"{self.name} in {self.place}" if self.place else self.name

    @property
    def origin(self) -> str:
        """How a table names where it comes from."""
        return self.subject if self.is_text else self.place or self.name


Layer: TypeAlias = Mapping[str, Given]
"""Path of a setting -> how one source gives it."""


def from_flags(flags: Mapping[str, tuple[str, object]]) -> Layer:
    """``flags``: path -> (the flag's name, its value)."""
    return {
        path: Given(value, name, is_text=isinstance(value, str))
        for path, (name, value) in flags.items()
    }


def from_environment(environment: Mapping[str, str], *, place: str | None = None) -> Layer:
    """Every ``TIDEWIRE_SECTION__NAME``; an unknown one is an error."""
    layer = {
        path: Given(environment[name], name, place, is_text=True)
        for name, path in BORROWED_VARIABLES.items()
        if environment.get(name)
    }
    for name, text in environment.items():
        if path := _path_of_variable(name, text, place):
            layer[path] = Given(text, name, place, is_text=True)
    return layer


VARIABLES: Mapping[str, str] = {
    **{field.variable: path for path, field in FIELDS.items()},
    CHANNELS_VARIABLE: CHANNELS,
}
_MISSPELT = {name.replace("__", "_"): name for name in VARIABLES}


def _path_of_variable(name: str, text: str, place: str | None) -> str | None:
    """The setting a variable is for; None where it is none of ours."""
    if not name.startswith(ENV_PREFIX):
        return None
    if name in VARIABLES:
        return VARIABLES[name]
    where = f" in {place}" if place else ""
    if "__" in name:
        raise ConfigError(f"{name}{where} is not a setting{nearest(name, VARIABLES)}")
    if name in _MISSPELT and not text.startswith(LINK_SCHEMES):
        raise ConfigError(f"{name}{where} is not a setting; did you mean {_MISSPELT[name]}?")
    if _looks_like_setting(name):
        raise ConfigError(
            f"{name}{where} is not a setting: after its section stand two underscores"
            f"{nearest(name, VARIABLES)}"
        )
    return None


def _looks_like_setting(name: str) -> bool:
    """Whether it begins as one of a section does, and is nobody else's."""
    begins = name.startswith(tuple(f"{ENV_PREFIX}{section.upper()}_" for section in SECTIONS))
    return begins and name not in OF_CLIENTS and _OF_PLATFORMS.search(name) is None


def read_env_file(path: Path) -> dict[str, str]:
    """``NAME=value`` lines; ``export``, quotes, blank lines and ``#`` comments as in a shell."""
    variables = {}
    for number, line in enumerate(_read(path).splitlines(), start=1):
        text = line.strip().removeprefix("export ")
        if not text or text.startswith("#"):
            continue
        name, equals, value = text.partition("=")
        if not equals:
            raise ConfigError(f"{path}, line {number}: expected NAME=value")
        variables[name.strip()] = _unquoted(value.strip())
    return variables


def _unquoted(text: str) -> str:
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "\"'":
        return text[1:-1]
    return text.partition(" #")[0].rstrip()


def find_file(directory: Path) -> Path | None:
    """``tidewire.toml``, else a ``pyproject.toml`` that has our table, else nothing."""
    own, project = directory / CONFIG_FILE, directory / PROJECT_FILE
    if own.is_file():
        return own
    if project.is_file() and "tidewire" in _tables(project).get("tool", {}):
        return project
    return None


def from_file(path: Path) -> Layer:
    """A TOML file's settings: the whole file, or ``[tool.tidewire]`` of a ``pyproject.toml``."""
    tables = _tables(path)
    if path.name == PROJECT_FILE:
        tables = tables.get("tool", {}).get("tidewire", {})
    return dict(_flattened(tables, path.name))


def _flattened(tables: Mapping[str, Any], place: str) -> Iterator[tuple[str, Given]]:
    for section, table in tables.items():
        if section not in SECTIONS:
            raise ConfigError(f"{section} in {place} is not a section{nearest(section, SECTIONS)}")
        if section == CHANNELS:
            yield CHANNELS, Given(table, CHANNELS, place)
        elif isinstance(table, dict):
            yield from _entries(section, table, place)
        else:
            raise ConfigError(f"{section} in {place} must be a table: write [{section}] above it")


def _entries(section: str, table: Mapping[str, Any], place: str) -> Iterator[tuple[str, Given]]:
    for name, value in table.items():
        path = f"{section}.{name}"
        if path not in FIELDS:
            raise ConfigError(f"{path} in {place} is not a setting{nearest(path, FIELDS)}")
        yield path, Given(value, path, place)


def _tables(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(_read(path))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from None


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from None
    if len(content) > MAX_FILE_BYTES:
        raise ConfigError(f"{path} is no configuration: it is longer than {MAX_FILE_BYTES} bytes")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not UTF-8 text") from None
