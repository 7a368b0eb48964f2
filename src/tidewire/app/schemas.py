"""Schemas: what an application has declared, as JSON Schema, for those who describe it."""

from __future__ import annotations

import inspect
from typing import Any, TypeAlias

import msgspec
from msgspec import NODEFAULT, Struct
from msgspec.structs import FieldInfo

from tidewire.app.calls import Call
from tidewire.app.message import Message, kind_of
from tidewire.app.registry import Registry

Schema: TypeAlias = dict[str, Any]

REFERENCE = "#/components/schemas/"
"""Where a schema is that another refers to: as AsyncAPI has it."""


class DescribedCall(Struct, frozen=True):
    method: str
    text: str
    parameters: Schema
    result: Schema


class Described(Struct, frozen=True):
    """Everything an application declares.

    ``received`` and ``sent`` are messages by their type; ``channels`` are by pattern,
    with what an entry's data is; ``components`` are schemas that others refer to.
    """

    received: dict[str, Schema]
    sent: dict[str, Schema]
    calls: list[DescribedCall]
    channels: dict[str, list[Schema]]
    components: dict[str, Schema]

    def resolve(self, schema: Schema) -> Schema:
        """The schema itself, where ``schema`` only refers to it."""
        name = schema.get("$ref", "").removeprefix(REFERENCE)
        return self.components.get(name, schema)


def describe(registry: Registry) -> Described:
    """Raises ``TypeError`` for a type that JSON Schema cannot say."""
    types = list(dict.fromkeys(_types_of(registry)))
    schemas, components = msgspec.json.schema_components(types, ref_template=f"{REFERENCE}{{name}}")
    of = dict(zip(types, schemas, strict=True))
    for each in filter(_is_message, types):
        _hide_id(components[of[each]["$ref"].removeprefix(REFERENCE)])
    return Described(
        received={kind_of(each): of[each] for each in registry.messages},
        sent={kind_of(each): of[each] for each in registry.sent},
        calls=[_described(call, of) for call in registry.calls.values()],
        channels={
            pattern: [of[each] for each in declared.types]
            for pattern, declared in registry.channels.items()
        },
        components=components,
    )


def _types_of(registry: Registry) -> list[Any]:
    calls = registry.calls.values()
    return [
        *registry.messages,
        *registry.sent,
        *(each for declared in registry.channels.values() for each in declared.types),
        *(field.type for call in calls for field in _fields(call)),
        *(call.result for call in calls),
    ]


def _fields(call: Call) -> tuple[FieldInfo, ...]:
    return msgspec.structs.fields(call.by_name)


def _described(call: Call, of: dict[Any, Schema]) -> DescribedCall:
    fields = _fields(call)
    return DescribedCall(
        method=call.method,
        text=inspect.getdoc(call.handler.function) or "",
        parameters={
            "type": "object",
            "properties": {each.encode_name: _with_default(each, of[each.type]) for each in fields},
            "required": [each.encode_name for each in fields if each.required],
        },
        result=of[call.result],
    )


def _with_default(field: FieldInfo, schema: Schema) -> Schema:
    if field.default is NODEFAULT:
        return schema
    return {**schema, "default": msgspec.to_builtins(field.default)}


def _hide_id(component: Schema) -> None:
    """A message's ``id`` is the protocol's: every command may have one."""
    component["properties"].pop("id", None)


def _is_message(each: object) -> bool:
    return isinstance(each, type) and issubclass(each, Message)
