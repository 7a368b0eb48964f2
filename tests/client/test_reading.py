"""The vectors of the protocol, read as a client reads; what a client writes, read as a server."""

from __future__ import annotations

import json
from typing import Any, Literal

import msgspec
import pytest
from msgspec import Struct

from tests.support.vectors import NATIVE, Vector, fields_of, text_of, title
from tidewire import messages
from tidewire.app import Message
from tidewire.client.reading import Arrived, DataReader, Page, Reader
from tidewire.dialects.native import NativeDialect

READER = Reader()


class Chat(Message, type="said"):
    text: str


class Price(Struct):
    eur: list[object]


@pytest.mark.parametrize("vector", NATIVE["events"], ids=title)
def test_every_event_of_the_protocol_is_read(vector: Vector) -> None:
    read = READER.read(json.dumps(vector["json"]))
    assert read is not None
    if isinstance(read, Page):
        assert read.recovery == vector["json"]["recovery"]
        assert len(read.entries) == len(vector["json"]["messages"])
    else:
        assert json.loads(msgspec.json.encode(read))["type"] == vector["json"]["type"]


@pytest.mark.parametrize("vector", NATIVE["publications"], ids=title)
@pytest.mark.parametrize("format_name", ["json", "msgpack"])
def test_every_publication_is_read_as_it_was_published(
    vector: Vector, format_name: Literal["json", "msgpack"]
) -> None:
    told = vector["entry"]
    text: Any = getattr(msgspec, format_name).encode(vector["json"])
    arrived = Reader(format_name).read(text)
    assert isinstance(arrived, Arrived)
    entry = DataReader[Any]((), format_name).entry(arrived, "e1", "live")
    assert (entry.channel, entry.position.seq, entry.type) == ("room:7", 42, told["kind"])
    assert entry.user_id == told["from"]
    assert (entry.once, entry.key, entry.ref) == tuple(map(told.get, ("once", "key", "ref")))
    if "encoding" not in told:
        assert entry.data == told["data"]


def test_published_bytes_are_read_as_bytes() -> None:
    [vector] = [each for each in NATIVE["publications"] if "encoding" in each["entry"]]
    arrived = READER.read(json.dumps(vector["json"]))
    assert isinstance(arrived, Arrived)
    assert DataReader[Any]().entry(arrived, "e1", "live").data == bytes.fromhex("deadbeef")


@pytest.mark.parametrize("vector", NATIVE["commands"], ids=title)
def test_what_a_client_writes_is_read_as_the_command_it_means(vector: Vector) -> None:
    written = msgspec.json.encode(vector["command"]).decode()
    if vector["command"].get("channels"):
        written = json.dumps({**vector["command"], "channel": ""})
    dialect = NativeDialect()
    assert fields_of(dialect.decode(written)) == fields_of(dialect.decode(text_of(vector)))


@pytest.mark.parametrize(
    "text",
    [
        *("", "{}", "[]", "nonsense"),
        *('{"type":"later"}', '{"type":7}', '{"type":"pong","id":[]}', '{"type":"connected"}'),
        '{"type":"message","channel":"a","seq":"1","timestamp":2}',
    ],
)
def test_what_is_not_of_this_version_is_ignored(text: str) -> None:
    assert READER.read(text) is None


def test_unknown_fields_are_ignored() -> None:
    assert READER.read('{"type":"pong","later":1}') == messages.Pong()


def _arrived(kind: str, **fields: Any) -> Arrived:
    envelope = {"type": kind, "channel": "a", "seq": 1, "tag": "t", "timestamp": 2}
    read = READER.read(json.dumps({**envelope, **fields}))
    assert isinstance(read, Arrived)
    return read


def test_data_is_read_as_the_type_it_is_said_to_be() -> None:
    arrived = _arrived("message", data={"eur": [1]})
    assert DataReader((Price,)).entry(arrived, "e", "live").data == Price([1])


def test_an_applications_message_is_read_as_its_type_wherever_it_travels() -> None:
    reader = DataReader((Chat,))
    inside = _arrived("message", data={"type": "said", "text": "hi"})
    beside = _arrived("said", text="hi")
    assert reader.entry(inside, "e", "live").data == Chat(text="hi")
    assert reader.entry(beside, "e", "live").data == Chat(text="hi")


def test_data_of_another_type_is_an_error_where_it_is_read() -> None:
    with pytest.raises(msgspec.ValidationError):
        DataReader((Price,)).entry(_arrived("message", data=7), "e", "live")


def test_a_key_that_is_taken_out_has_no_type() -> None:
    arrived = _arrived("message", data=None, key="eur", op="remove")
    assert DataReader((Price,)).entry(arrived, "e", "live").data is None
