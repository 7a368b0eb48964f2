"""The vectors of ``spec/vectors/native.json``, run against the server's own dialect."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.support.vocabulary import EVENT_KINDS, type_name
from tidewire.channels.names import is_name
from tidewire.dialects.base import Undecodable
from tidewire.dialects.native import NativeDialect
from tidewire.messages import Event, Publication, SubscribedAll

VECTORS = json.loads((Path(__file__).parents[2] / "spec/vectors/native.json").read_text("utf-8"))
DIALECT = NativeDialect()
EVENTS = {type_name(kind): kind for kind in EVENT_KINDS if kind is not SubscribedAll}


def _title(vector: dict[str, Any]) -> str:
    number = vector.get("catalogue")
    return f"catalogue {number}: {vector['about']}" if number else str(vector["about"])


def _text(vector: dict[str, Any]) -> str:
    """A text as it is, or as parts that are each repeated so many times."""
    if "text" in vector:
        return str(vector["text"])
    return "".join(part * times for part, times in vector["parts"])


def _fields(command: object) -> dict[str, Any]:
    """A command as JSON shows it; an option that was not given is not there."""
    given: dict[str, Any] = json.loads(msgspec.json.encode(command))
    if given.get("channels"):
        given["channels"] = [_without_nulls(each) for each in given["channels"]]
    data = {"data": given["data"]} if "data" in given else {}
    return _without_nulls(given) | data


def _without_nulls(fields: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in fields.items() if v is not None and v is not False}


@pytest.mark.parametrize("vector", VECTORS["commands"], ids=_title)
def test_every_valid_command_is_read_as_the_specification_says(vector: dict[str, Any]) -> None:
    assert _fields(DIALECT.decode(_text(vector))) == vector["command"]


@pytest.mark.parametrize("vector", VECTORS["refusals"], ids=_title)
def test_every_malformed_command_is_refused_with_its_code(vector: dict[str, Any]) -> None:
    with pytest.raises(Undecodable) as refusal:
        DIALECT.decode(_text(vector))
    assert (refusal.value.code, refusal.value.id) == (vector["code"], vector.get("id"))


@pytest.mark.parametrize("vector", VECTORS["publications"], ids=_title)
def test_every_publication_is_written_as_the_specification_says(vector: dict[str, Any]) -> None:
    [written] = DIALECT.publications([_publication(vector["entry"])])
    assert json.loads(written) == vector["json"]


def test_publications_of_one_batch_are_written_as_each_alone() -> None:
    written = DIALECT.publications([_publication(v["entry"]) for v in VECTORS["publications"]])
    assert [json.loads(each) for each in written] == [v["json"] for v in VECTORS["publications"]]


def _publication(entry: dict[str, Any]) -> Publication:
    fields = dict(entry)
    return Publication(
        user_id=fields.pop("from"),
        client_id="c-1",
        data=json.dumps(fields.pop("data")),
        **fields,
    )


@pytest.mark.parametrize("vector", VECTORS["events"], ids=_title)
def test_every_event_is_written_as_the_specification_says(vector: dict[str, Any]) -> None:
    assert json.loads(DIALECT.event(_event(vector["json"]))) == vector["json"]


def _event(fields: dict[str, Any]) -> Event:
    """The event a vector describes; the publications it carries come from their own vectors."""
    kind = SubscribedAll if "channels" in fields else EVENTS[fields["type"]]
    if not fields.get("messages"):
        return msgspec.json.decode(json.dumps(fields), type=kind)
    entries = [_publication(_entry_of(message)) for message in fields["messages"]]
    event = msgspec.convert({**fields, "messages": []}, kind)
    return msgspec.structs.replace(event, messages=entries)


def _entry_of(message: dict[str, Any]) -> dict[str, Any]:
    return next(v["entry"] for v in VECTORS["publications"] if v["json"] == message)


def test_every_event_the_server_can_send_has_a_vector() -> None:
    assert {vector["json"]["type"] for vector in VECTORS["events"]} == set(EVENTS)


@pytest.mark.parametrize("name", VECTORS["channelNames"]["valid"])
def test_a_name_of_the_grammar_names_a_channel(name: str) -> None:
    assert is_name(name)


@pytest.mark.parametrize("name", VECTORS["channelNames"]["invalid"])
def test_a_name_outside_the_grammar_names_no_channel(name: str) -> None:
    """Catalogue 59."""
    assert not is_name(name)
