"""The MessagePack dialect beside the native one: the same commands, whatever bytes come."""

from __future__ import annotations

from contextlib import suppress

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from tests.support.publications import entry
from tidewire.dialects.base import Undecodable
from tidewire.dialects.msgpack import MessagePackDialect
from tidewire.dialects.native import NativeDialect
from tidewire.messages import AppMessage, Publish, Subscribed

MESSAGEPACK = MessagePackDialect()
NATIVE = NativeDialect()

JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(st.binary())
def test_whatever_bytes_come_are_a_command_or_undecodable(data: bytes) -> None:
    with suppress(Undecodable):
        MESSAGEPACK.decode(data)


@given(JSON_VALUES)
def test_any_value_makes_the_same_entry_as_its_json(value: object) -> None:
    command = {"type": "publish", "channel": "a", "data": value}
    packed = MESSAGEPACK.decode(msgspec.msgpack.encode(command))
    written = NATIVE.decode(msgspec.json.encode(command).decode())
    assert isinstance(packed, Publish)
    assert isinstance(written, Publish)
    assert bytes(packed.data) == bytes(written.data)  # type: ignore[arg-type]  # it has data


@given(JSON_VALUES)
def test_what_is_published_reaches_a_reader_as_it_was(value: object) -> None:
    published = entry(1, data=msgspec.json.encode(value).decode())
    [packed] = MESSAGEPACK.publications([published])
    assert msgspec.msgpack.decode(packed)["data"] == value


@given(st.binary())
def test_bytes_reach_a_reader_as_they_were_live_and_recovered(data: bytes) -> None:
    said = {"type": "publish", "channel": "a", "data": data}
    command = MESSAGEPACK.decode(msgspec.msgpack.encode(said))
    assert isinstance(command, Publish)
    published = entry(1, data=bytes(command.data).decode())  # type: ignore[arg-type]  # it has data
    published.encoding = command.encoding
    [live] = MESSAGEPACK.publications([published])
    recovered = Subscribed(
        channel="a", epoch="e", seq=1, tag="t", recovery="complete", messages=[published]
    )
    told = msgspec.msgpack.decode(MESSAGEPACK.event(recovered))
    assert msgspec.msgpack.decode(live)["data"] == data
    assert told["messages"] == [msgspec.msgpack.decode(live)]


def test_data_as_deep_as_it_may_be_can_be_written_again_for_every_reader() -> None:
    """Catalogue 49: what one client may publish, no other's batch may break on."""
    deepest = next(depth for depth in range(2_000, 0, -1) if _is_taken(depth))
    assert deepest > 100
    [packed] = MESSAGEPACK.publications([entry(1, data="[" * deepest + "]" * deepest)])
    assert packed


def _is_taken(depth: int) -> bool:
    text = f'{{"type":"publish","channel":"a","data":{"[" * depth}{"]" * depth}}}'
    with suppress(Undecodable):
        return isinstance(NATIVE.decode(text), Publish)
    return False


def test_what_an_application_calls_base64_and_is_not_is_shown_as_it_is() -> None:
    published = entry(1, data='"?"')
    published.encoding = "base64"
    [packed] = MESSAGEPACK.publications([published])
    told = msgspec.msgpack.decode(packed)
    assert (told["data"], told["encoding"]) == ("?", "base64")


class Move(Struct, tag="move", tag_field="type"):
    x: int


def test_an_applications_own_messages_are_read_like_the_protocols() -> None:
    dialect = MessagePackDialect([Move])
    command = dialect.decode(msgspec.msgpack.encode({"type": "move", "x": 3, "id": 7}))
    assert isinstance(command, AppMessage)
    assert command.message == Move(3)
