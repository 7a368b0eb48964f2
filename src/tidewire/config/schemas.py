"""Schemas of channels: what clients may publish, as a JSON Schema in a file.

Read at the start, so that a mistake in it stops the start. Nothing that a schema refers to
outside itself is fetched.
"""

from __future__ import annotations

import importlib
import logging
from typing import Any

import msgspec

from tidewire.channels.options import Check
from tidewire.config.keys import read_small
from tidewire.errors import ConfigError

logger = logging.getLogger("tidewire.config")

MAX_REASON = 200
"""Characters of why data does not fit: it may quote the data."""


def read_schema(path: str) -> Check:
    """The check that the file's schema makes. Raises ``ConfigError``."""
    try:
        schema = msgspec.json.decode(read_small(path))
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ConfigError(f"{path} is not JSON: {error}") from None
    validator = _validator(path, schema)

    def check(data: str) -> None:
        try:
            wrong = next(validator.iter_errors(msgspec.json.decode(data)), None)
        except Exception:  # a reference that leads nowhere, nesting too deep: nothing gets by
            logger.exception("a schema could not be applied", extra={"path": path})
            raise ValueError("the data could not be checked") from None
        if wrong is not None:
            raise ValueError(f"{wrong.json_path}: {wrong.message}"[:MAX_REASON])

    return check


def _validator(path: str, schema: Any) -> Any:
    try:
        jsonschema: Any = importlib.import_module("jsonschema")  # only who has schemas needs it
        registry: Any = importlib.import_module("referencing").Registry()
    except ImportError:
        raise ConfigError(
            f'channels.schema = "{path}" needs the jsonschema package: '
            'pip install "tidewire[schema]"'
        ) from None
    kind = jsonschema.validators.validator_for(schema, jsonschema.Draft202012Validator)
    try:
        kind.check_schema(schema)
    except jsonschema.SchemaError as error:
        raise ConfigError(f"{path} is no JSON Schema: {error.message}") from None
    return kind(schema, registry=registry)
