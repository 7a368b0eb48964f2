"""An application's own message types."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from msgspec import Meta, ValidationError, defstruct, json

from tidewire.app.message import Message, MessageMeta, fields_of, kind_of
from tidewire.messages import ENVELOPE_FIELDS, RESERVED_TYPES


class Move(Message, type="move"):
    x: Annotated[int, Meta(ge=0, lt=100)]
    from_above: bool = False


class Bell(Message, type="bell"):
    pass


def test_a_message_is_an_object_with_its_type_and_camel_case_fields() -> None:
    assert json.decode(json.encode(Move(3))) == {"type": "move", "x": 3, "fromAbove": False}
    assert json.decode(b'{"type":"move","x":3,"fromAbove":true}', type=Move) == Move(3, True)


def test_fields_that_a_message_does_not_know_are_ignored_and_values_are_checked() -> None:
    assert json.decode(b'{"type":"move","x":3,"more":[1]}', type=Move).x == 3
    with pytest.raises(ValidationError, match="<= 99"):
        json.decode(b'{"type":"move","x":100}', type=Move)


def test_a_messages_own_fields_are_neither_its_type_nor_its_id() -> None:
    assert fields_of(Move(3, id=7)) == '{"x":3,"fromAbove":false}'
    assert fields_of(Bell(id=7)) == "{}"
    assert kind_of(Bell) == "bell"


def test_nobody_can_change_a_message_that_others_may_hold() -> None:
    with pytest.raises(AttributeError):
        Move(3).x = 4


@pytest.mark.parametrize("name", sorted(RESERVED_TYPES))
def test_a_type_of_the_protocol_is_refused_where_it_is_declared(name: str) -> None:
    with pytest.raises(TypeError, match="protocol's own"):
        _message("Mine", type=name)


@pytest.mark.parametrize("name", ["", "a b", "1st", 'x"', "é", "x" * 65])
def test_a_type_that_needs_escapes_or_is_too_long_is_refused(name: str) -> None:
    with pytest.raises(TypeError, match="Mine: the type"):
        _message("Mine", type=name)


@pytest.mark.parametrize("field", sorted(ENVELOPE_FIELDS - {"from"}))
def test_a_field_of_the_envelope_is_refused_where_it_is_declared(field: str) -> None:
    with pytest.raises(TypeError, match="envelope"):
        _message("Mine", type="mine", fields={field: int})


def test_a_message_without_a_type_is_told_how_to_write_one() -> None:
    with pytest.raises(TypeError, match=r'class Mine\(Message, type="..."\)'):
        _message("Mine")


def test_another_struct_may_hold_a_message() -> None:
    holder = defstruct("Holder", [("move", Move)])
    assert json.decode(b'{"move":{"type":"move","x":1}}', type=holder).move == Move(1)  # type: ignore[attr-defined]


def _message(name: str, fields: dict[str, Any] | None = None, **options: str) -> Any:
    return MessageMeta(name, (Message,), {"__annotations__": fields or {}}, **options)
