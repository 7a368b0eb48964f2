"""``spec/protocol.md`` says the same as the code: its tables are compared, not trusted."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

from tests.support.vocabulary import COMMAND_KINDS, EVENT_KINDS, type_name
from tidewire.errors import ErrorCode
from tidewire.messages import ENVELOPE_FIELDS, RESERVED_TYPES
from tidewire.websocket.close_codes import TABLE

DOCUMENT = (Path(__file__).parents[2] / "spec/protocol.md").read_text("utf-8")
SECTIONS = dict(
    re.findall(r"^## \d+\. (.+?)\n(.*?)(?=^## |\Z)", DOCUMENT, re.MULTILINE | re.DOTALL)
)


def _rows(section: str) -> list[list[str]]:
    """The cells of every table row of a section, without heads and rules."""
    lines = [line for line in SECTIONS[section].splitlines() if line.startswith("|")]
    rows = [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in rows if not set(row[0]) <= {"-"}]


def _names(text: str) -> set[str]:
    return set(re.findall(r"`([A-Za-z_]+)`", text))


def test_the_close_codes_are_those_of_the_one_table() -> None:
    written = [tuple(row) for row in _rows("Closing")[1:]]
    assert written == [(str(c.number), c.name, c.come_back.value) for c in TABLE.values()]


def test_the_error_codes_are_those_the_server_may_send() -> None:
    assert [row[0] for row in _rows("Error codes")[1:]] == list(get_args(ErrorCode))


def test_every_command_has_a_section_and_nothing_else_has() -> None:
    headings = re.findall(r"^### `(\w+)`$", SECTIONS["Commands"], re.MULTILINE)
    assert sorted(headings) == sorted(type_name(kind) for kind in COMMAND_KINDS)


def test_every_event_the_server_sends_has_a_heading() -> None:
    headings = re.findall(r"^### (.+)$", SECTIONS["Events"], re.MULTILINE)
    written = {name for heading in headings for name in _names(heading)}
    assert written == {type_name(kind) for kind in EVENT_KINDS}


def test_the_reserved_names_are_those_the_server_reserves() -> None:
    types, fields = SECTIONS["Reserved names"].strip().split("\n\n")[:2]
    assert _names(types) == set(RESERVED_TYPES)
    assert _names(fields) == set(ENVELOPE_FIELDS)
