"""The vectors of ``spec/vectors/native.json``, run against the server's own dialect."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.vectors import (
    EVENTS,
    event_of,
    fields_of,
    publication_of,
    text_of,
    title,
)
from tests.support.vectors import NATIVE as VECTORS
from tidewire.channels.names import is_name
from tidewire.dialects.base import Undecodable
from tidewire.dialects.native import NativeDialect

DIALECT = NativeDialect()


@pytest.mark.parametrize("vector", VECTORS["commands"], ids=title)
def test_every_valid_command_is_read_as_the_specification_says(vector: dict[str, Any]) -> None:
    assert fields_of(DIALECT.decode(text_of(vector))) == vector["command"]


@pytest.mark.parametrize("vector", VECTORS["refusals"], ids=title)
def test_every_malformed_command_is_refused_with_its_code(vector: dict[str, Any]) -> None:
    with pytest.raises(Undecodable) as refusal:
        DIALECT.decode(text_of(vector))
    assert (refusal.value.code, refusal.value.id) == (vector["code"], vector.get("id"))


@pytest.mark.parametrize("vector", VECTORS["publications"], ids=title)
def test_every_publication_is_written_as_the_specification_says(vector: dict[str, Any]) -> None:
    [written] = DIALECT.publications([publication_of(vector["entry"])])
    assert json.loads(written) == vector["json"]


def test_publications_of_one_batch_are_written_as_each_alone() -> None:
    written = DIALECT.publications([publication_of(v["entry"]) for v in VECTORS["publications"]])
    assert [json.loads(each) for each in written] == [v["json"] for v in VECTORS["publications"]]


@pytest.mark.parametrize("vector", VECTORS["events"], ids=title)
def test_every_event_is_written_as_the_specification_says(vector: dict[str, Any]) -> None:
    assert json.loads(DIALECT.event(event_of(vector["json"]))) == vector["json"]


def test_every_event_the_server_can_send_has_a_vector() -> None:
    assert {vector["json"]["type"] for vector in VECTORS["events"]} == set(EVENTS)


@pytest.mark.parametrize("name", VECTORS["channelNames"]["valid"])
def test_a_name_of_the_grammar_names_a_channel(name: str) -> None:
    assert is_name(name)


@pytest.mark.parametrize("name", VECTORS["channelNames"]["invalid"])
def test_a_name_outside_the_grammar_names_no_channel(name: str) -> None:
    """Catalogue 59."""
    assert not is_name(name)
