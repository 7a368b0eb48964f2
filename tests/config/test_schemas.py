"""A channel's schema, from its file to the publisher's answer."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tidewire.channels.options import Check
from tidewire.config import read_schema
from tidewire.errors import ConfigError

POINT = {
    "type": "object",
    "properties": {"x": {"type": "integer"}},
    "required": ["x"],
}


def _file(folder: Path, schema: Any) -> str:
    path = folder / "schema.json"
    path.write_text(schema if isinstance(schema, str) else json.dumps(schema))
    return str(path)


@pytest.fixture
def check(tmp_path: Path) -> Check:
    return read_schema(_file(tmp_path, POINT))


def test_what_fits_the_schema_passes(check: Check) -> None:
    check('{"x": 1}')


@pytest.mark.parametrize("data", ['{"x": 1.5}', "{}", "null", '"' + "x" * 10_000 + '"'])
def test_what_does_not_fit_is_refused_with_a_short_reason(check: Check, data: str) -> None:
    with pytest.raises(ValueError, match=r"^\$") as refusal:
        check(data)
    assert len(str(refusal.value)) <= 200


def test_what_a_schema_refers_to_elsewhere_is_not_fetched(tmp_path: Path) -> None:
    """Catalogue 23: and nothing gets by a schema that cannot be applied."""
    check = read_schema(_file(tmp_path, {"$ref": "http://127.0.0.1:9/schema.json"}))
    with pytest.raises(ValueError, match="could not be checked"):
        check("1")


def test_data_nested_too_deeply_for_a_schema_is_refused(tmp_path: Path) -> None:
    """Catalogue 49."""
    check = read_schema(_file(tmp_path, {"items": {"$ref": "#"}}))
    with pytest.raises(ValueError, match="could not be checked"):
        check("[" * 900 + "]" * 900)


@pytest.mark.parametrize(
    ("schema", "mistake"),
    [("{", "is not JSON"), ('{"type": "number or text"}', "is no JSON Schema")],
)
def test_a_mistake_in_a_schema_stops_the_start(tmp_path: Path, schema: str, mistake: str) -> None:
    with pytest.raises(ConfigError, match=mistake):
        read_schema(_file(tmp_path, schema))


def test_a_schema_without_the_package_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "jsonschema", None)
    with pytest.raises(ConfigError, match=r"tidewire\[schema\]"):
        read_schema(_file(tmp_path, POINT))
