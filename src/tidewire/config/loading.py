"""From layers of given values to settings: the highest layer that gives a value decides.

Flag, then environment, then ``--env-file``, then file, then default. Every
mistake is a ``ConfigError`` that names where the value was given.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct, ValidationError, convert

from tidewire.config.checks import check_settings
from tidewire.config.fields import CHANNEL_FIELDS, CHANNELS, FIELDS, SECTIONS, Field, nearest
from tidewire.config.settings import Channel, Settings
from tidewire.config.sources import (
    Given,
    Layer,
    find_file,
    from_environment,
    from_file,
    from_flags,
    read_env_file,
)
from tidewire.config.values import from_plain
from tidewire.errors import ConfigError

MAX_SHOWN = 60
"""Characters of a wrong value that a message repeats."""


class Loaded(Struct, frozen=True):
    """Settings, and for each one that is not the default, where it was given."""

    settings: Settings
    origins: Mapping[str, str]


class Sources(Struct, frozen=True, kw_only=True):
    """Where to look. ``flags``: path -> (the flag's name, its value)."""

    flags: Mapping[str, tuple[str, object]] = {}
    environment: Mapping[str, str] = {}
    env_file: Path | None = None
    config_file: Path | None = None
    directory: Path = Path()


def load(sources: Sources) -> Loaded:
    """The effective settings, checked one by one and against each other."""
    given = merged(layers(sources))
    loaded = Loaded(settings_from(given), {path: value.origin for path, value in given.items()})
    check_settings(loaded.settings)
    return loaded


def layers(sources: Sources) -> tuple[Layer, ...]:
    """Every source's values, the weakest first."""
    file = sources.config_file or find_file(sources.directory)
    env_file = sources.env_file
    return (
        from_file(file) if file else {},
        from_environment(read_env_file(env_file), place=str(env_file)) if env_file else {},
        from_environment(sources.environment),
        from_flags(sources.flags),
    )


def merged(weakest_first: tuple[Layer, ...]) -> dict[str, Given]:
    return {path: given for layer in weakest_first for path, given in layer.items()}


def settings_from(given: Mapping[str, Given]) -> Settings:
    """The settings that ``given`` values make, each of them checked."""
    tables: dict[str, dict[str, object]] = {name: {} for name in SECTIONS if name != CHANNELS}
    for path, value in given.items():
        if path != CHANNELS:
            field = FIELDS[path]
            tables[field.section][field.name] = _value(field, value)
    sections: dict[str, Any] = {name: SECTIONS[name](**table) for name, table in tables.items()}
    return Settings(**sections, channels=_channels(given.get(CHANNELS)))


def _value(field: Field, given: Given) -> object:
    plain = _from_text(field, given) if given.is_text else given.value
    try:
        return convert(plain, field.kind, strict=not given.is_text, dec_hook=from_plain)
    except ValidationError as error:
        if isinstance(error.__cause__, ValueError):
            raise ConfigError(f"{given.subject}: {error.__cause__}") from None
        raise ConfigError(_mistake(field, given)) from None


def _from_text(field: Field, given: Given) -> object:
    """A variable's text as the shape its setting has: a list is split, nothing is None."""
    text = str(given.value).strip()
    if field.is_list:
        return _json(given) if text.startswith("[") else _split(text)
    return None if field.is_optional and not text else text


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _json(given: Given) -> object:
    try:
        return json.loads(str(given.value))
    except (ValueError, RecursionError):
        raise ConfigError(f"{given.subject} starts like JSON but is not valid JSON") from None


def _mistake(field: Field, given: Given) -> str:
    if field.is_secret:
        return f"{given.subject} must be {field.accepts}"
    return f"{given.subject} must be {field.accepts}, not {_shown(given.value)}"


def _shown(value: object) -> str:
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."


def _channels(given: Given | None) -> tuple[Channel, ...]:
    if given is None:
        return ()
    tables = _json(given) if given.is_text else given.value
    if not isinstance(tables, list):
        raise ConfigError(f"{given.subject} must be a list of tables: write [[channels]]")
    return tuple(_channel(table, given, place) for place, table in enumerate(tables, start=1))


def _channel(table: object, given: Given, place: int) -> Channel:
    subject = f"entry {place} of {given.subject}"
    if not isinstance(table, dict):
        raise ConfigError(f"{subject} must be a table")
    if "pattern" not in table:
        raise ConfigError(f"{subject} needs a pattern")
    values: dict[str, Any] = {}
    for name, value in table.items():
        if name not in CHANNEL_FIELDS:
            raise ConfigError(
                f"{name} ({subject}) is not a setting{nearest(str(name), CHANNEL_FIELDS)}"
            )
        values[name] = _value(CHANNEL_FIELDS[name], Given(value, f"{name} ({subject})"))
    return Channel(**values)
