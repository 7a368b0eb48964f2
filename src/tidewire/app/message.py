"""Message: the base of an application's own message types.

    class Move(Message, type="move"):
        x: Annotated[int, Meta(ge=0, lt=100)]
        y: Annotated[int, Meta(ge=0, lt=100)]

A type that would be mistaken for one of the protocol's fails where it is defined.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET, Struct, StructMeta, UnsetType

from tidewire.app.saying import text_of
from tidewire.messages import ENVELOPE_FIELDS, RESERVED_TYPES, CommandId

TYPE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
"""Needs no escapes, since it is written into every message as it is."""


class MessageMeta(StructMeta):
    """Turns ``class Move(Message, type="move")`` into a tagged type, and checks its names."""

    def __new__(
        mcls,
        name: str,
        bases: tuple[type, ...],
        namespace: dict[str, Any],
        *,
        type: str | None = None,  # noqa: A002 (the word that users write)
        **options: Any,
    ) -> Any:
        options["frozen"] = True
        if bases == (Struct,):  # Message itself
            return super().__new__(mcls, name, bases, namespace, **options)
        checked = _check_type(name, type)
        _check_names(name, namespace.get("__annotations__", {}))
        made: Any = super().__new__(mcls, name, bases, namespace, tag=checked, **options)
        own = [each for each in msgspec.structs.fields(made) if each.name != "id"]
        _check_names(name, [each.encode_name for each in own])
        return made


def _check_type(name: str, type_name: str | None) -> str:
    if type_name is None:
        raise TypeError(f'{name} has no type: write class {name}(Message, type="...")')
    if not TYPE_NAME.fullmatch(type_name):
        raise TypeError(
            f"{name}: the type {type_name!r} is not a letter followed by at most 63 letters, "
            "digits and any of _ . -"
        )
    if type_name in RESERVED_TYPES:
        raise TypeError(f"{name}: the type {type_name!r} is the protocol's own; choose another")
    return type_name


def _check_names(name: str, fields: Iterable[str]) -> None:
    for field in fields:
        if field in ENVELOPE_FIELDS:
            raise TypeError(
                f"{name}: the field {field!r} belongs to every message's envelope; "
                "choose another name"
            )


class Message(Struct, metaclass=MessageMeta, rename="camel", tag_field="type", kw_only=True):
    """One of an application's own messages: an object with a ``type``, checked as it is read.

    Field names are camelCase on the wire, fields a type does not know are ignored,
    and a value that does not fit is answered ``malformed`` with the reason. ``id`` is
    there where the client wants to be told that the message was handled.
    Frozen, as every message is.
    """

    id: CommandId | UnsetType = UNSET

    if TYPE_CHECKING:  # what the metaclass takes, as a type checker looks for it

        def __init_subclass__(cls, *, type: str, **options: Any) -> None: ...  # noqa: A002


def kind_of(message: type[Message]) -> str:
    """The ``type`` its messages go by."""
    return str(message.__struct_config__.tag)


def fields_of(message: Message) -> str:
    """A message's own fields as a JSON object: neither its ``type`` nor its ``id``."""
    bare = message if message.id is UNSET else msgspec.structs.replace(message, id=UNSET)
    text = text_of(bare)
    rest = text[len(f'{{"type":"{kind_of(type(message))}"') :]
    return "{" + rest.removeprefix(",")
