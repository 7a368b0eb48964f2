"""TypeScript: what an application has declared, as types that ``tsc --strict`` accepts.

``Channels`` has a key for each pattern (``chat:${string}``), so that
``Channels["chat:42"]`` is what that channel's entries hold.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping

from tidewire.app.registry import Registry
from tidewire.app.schemas import REFERENCE, Described, Schema, describe
from tidewire.channels.patterns import includes

IDENTIFIER = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")
PLACEHOLDER = re.compile(r"\{[^}]*\}|\*")

SIMPLE = {
    "string": "string",
    "integer": "number",
    "number": "number",
    "boolean": "boolean",
    "null": "null",
}


def typescript(registry: Registry, *, source: str) -> str:
    """The text of a ``.ts`` file; ``source`` is what it was made from: ``shop:app``."""
    described = describe(registry)
    return "\n".join(
        [
            f"// Written by `tidewire types {source}`. Run that again instead of changing this.",
            *_components(described),
            *_channels(described),
            *_calls(described),
            *_messages("Messages a client may send.", "ClientMessages", described.received),
            *_messages("Messages the server sends.", "ServerMessages", described.sent),
            "",
        ]
    )


def _components(described: Described) -> Iterator[str]:
    for name, schema in sorted(described.components.items()):
        yield ""
        yield from _comment(schema.get("description", ""))
        yield f"export type {_name(name)} = {_type(schema)};"


def _channels(described: Described) -> Iterator[str]:
    yield ""
    yield from _comment("What the entries of each channel hold.")
    yield "export interface Channels {"
    for pattern, types in _as_keys(described.channels).items():
        yield f"  {_key_of(pattern)}: {_union(map(_type, types)) or 'unknown'};"
    yield "}"


def _as_keys(channels: Mapping[str, list[Schema]]) -> dict[str, list[Schema]]:
    """Patterns as TypeScript reads them, where ``${string}`` reaches over colons, too.

    The first pattern that matches a name decides, so one that an earlier one includes is
    left out; and a key has to allow what the keys that it reaches hold.
    """
    chosen: list[str] = []
    for pattern in channels:
        if not any(includes(earlier, pattern) for earlier in chosen):
            chosen.append(pattern)
    return {pattern: _allowed(pattern, chosen, channels) for pattern in chosen}


def _allowed(pattern: str, chosen: list[str], channels: Mapping[str, list[Schema]]) -> list[Schema]:
    """What a key's entries may be; nothing where that is anything."""
    reached = [channels[pattern], *(channels[each] for each in chosen if _reaches(pattern, each))]
    return [each for types in reached for each in types] if all(reached) else []


def _reaches(pattern: str, other: str) -> bool:
    parts = map(re.escape, PLACEHOLDER.split(pattern))
    return re.fullmatch(".*".join(parts), PLACEHOLDER.sub("_", other)) is not None


def _key_of(pattern: str) -> str:
    if PLACEHOLDER.search(pattern):
        return f"[channel: `{PLACEHOLDER.sub('${string}', pattern)}`]"
    return _property(pattern)


def _calls(described: Described) -> Iterator[str]:
    yield ""
    yield from _comment("What a client may call.")
    yield "export interface Calls {"
    for call in described.calls:
        yield from _comment(call.text, indent="  ")
        parameters, result = _type(call.parameters), _type(call.result)
        yield f"  {_property(call.method)}: {{ parameters: {parameters}; result: {result} }};"
    yield "}"


def _messages(text: str, name: str, messages: Mapping[str, Schema]) -> Iterator[str]:
    yield ""
    yield from _comment(text)
    yield f"export interface {name} {{"
    for kind, schema in messages.items():
        yield f"  {_property(kind)}: {_type(schema)};"
    yield "}"


def _type(schema: Schema) -> str:
    """One JSON Schema as a TypeScript type; what it cannot say is ``unknown``."""
    if "$ref" in schema:
        return _name(schema["$ref"].removeprefix(REFERENCE))
    if "enum" in schema or "const" in schema:
        return _union(map(json.dumps, schema.get("enum", [schema.get("const")])))
    if "anyOf" in schema:
        return _union(map(_type, schema["anyOf"]))
    kind = schema.get("type")
    if kind == "array":
        return _array(schema)
    if kind == "object":
        return _object(schema)
    return SIMPLE.get(str(kind), "unknown")


def _array(schema: Schema) -> str:
    if "prefixItems" in schema:
        return f"[{', '.join(map(_type, schema['prefixItems']))}]"
    items = schema.get("items")
    return f"Array<{_type(items) if items else 'unknown'}>"


def _object(schema: Schema) -> str:
    if "properties" not in schema:
        values = schema.get("additionalProperties")
        return f"Record<string, {_type(values) if isinstance(values, dict) else 'unknown'}>"
    required = schema.get("required", ())
    fields = [
        f"{_property(name)}{'' if name in required else '?'}: {_type(each)}"
        for name, each in schema["properties"].items()
    ]
    return f"{{ {'; '.join(fields)} }}" if fields else "Record<string, never>"


def _union(types: Iterable[str]) -> str:
    return " | ".join(dict.fromkeys(types))


def _property(name: str) -> str:
    return name if IDENTIFIER.fullmatch(name) else json.dumps(name)


def _name(component: str) -> str:
    return re.sub(r"[^A-Za-z0-9_$]", "_", component)


def _comment(text: str, *, indent: str = "") -> Iterator[str]:
    if text:
        lines = " ".join(text.split()).replace("*/", "* /")
        yield f"{indent}/** {lines} */"
