"""``spec/vectors/msgpack.json``, and ``native.json`` in MessagePack, on the server's dialect."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import msgspec
import pytest

from tests.support.vectors import (
    MESSAGEPACK,
    NATIVE,
    Vector,
    bytes_of,
    event_of,
    fields_of,
    publication_of,
    text_of,
    title,
)
from tidewire.dialects.base import Undecodable
from tidewire.dialects.msgpack import MessagePackDialect

DIALECT = MessagePackDialect()


def _transcoded(vector: Vector) -> bytes | None:
    """The vector's JSON as MessagePack; None where it is no JSON, or MessagePack has no word."""
    try:
        value = json.loads(text_of(vector), parse_constant=float, object_pairs_hook=_unrepeated)
        return msgspec.msgpack.encode(value)
    except (ValueError, OverflowError, RecursionError):
        return None


def _unrepeated(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a repeated field is not repeated any more once it has been read")
    return dict(pairs)


def _sayable(section: str) -> list[Any]:
    found = [(_transcoded(vector), vector) for vector in NATIVE[section]]
    return [pytest.param(*pair, id=title(pair[1])) for pair in found if pair[0] is not None]


def test_nearly_all_vectors_can_be_said_in_messagepack() -> None:
    assert len(_sayable("commands")) >= len(NATIVE["commands"]) - 3
    assert len(_sayable("refusals")) >= len(NATIVE["refusals"]) / 2


@pytest.mark.parametrize(("packed", "vector"), _sayable("commands"))
def test_a_command_means_the_same_as_in_json(packed: bytes, vector: Vector) -> None:
    assert fields_of(DIALECT.decode(packed)) == vector["command"]


@pytest.mark.parametrize(("packed", "vector"), _sayable("refusals"))
def test_a_command_is_refused_as_in_json(packed: bytes, vector: Vector) -> None:
    with pytest.raises(Undecodable) as refusal:
        DIALECT.decode(packed)
    assert (refusal.value.code, refusal.value.id) == (vector["code"], vector.get("id"))


@pytest.mark.parametrize("vector", NATIVE["publications"], ids=title)
def test_a_publication_holds_the_same_as_in_json(vector: Vector) -> None:
    [packed] = DIALECT.publications([publication_of(vector["entry"])])
    assert _as_json(msgspec.msgpack.decode(packed)) == vector["json"]


@pytest.mark.parametrize("vector", NATIVE["events"], ids=title)
def test_an_event_holds_the_same_as_in_json(vector: Vector) -> None:
    told = msgspec.msgpack.decode(DIALECT.event(event_of(vector["json"])))
    assert _as_json(told) == vector["json"]


def _as_json(message: dict[str, Any]) -> dict[str, Any]:
    """A message with its bytes as JSON has them."""
    if not isinstance(message.get("data"), bytes):
        return message
    text = b64encode(message["data"]).decode()
    return {**message, "data": text, "encoding": "base64"}


@pytest.mark.parametrize("vector", MESSAGEPACK["commands"], ids=title)
def test_every_valid_command_is_read_as_the_specification_says(vector: Vector) -> None:
    assert fields_of(DIALECT.decode(bytes_of(vector))) == vector["command"]


@pytest.mark.parametrize("vector", MESSAGEPACK["refusals"], ids=title)
def test_every_malformed_command_is_refused_with_its_code(vector: Vector) -> None:
    with pytest.raises(Undecodable) as refusal:
        DIALECT.decode(bytes_of(vector))
    assert (refusal.value.code, refusal.value.id) == (vector["code"], vector.get("id"))


@pytest.mark.parametrize("vector", MESSAGEPACK["publications"], ids=title)
def test_every_publication_is_written_as_the_specification_says(vector: Vector) -> None:
    [packed] = DIALECT.publications([publication_of(vector["entry"])])
    assert msgspec.msgpack.decode(packed) == msgspec.msgpack.decode(bytes_of(vector))
