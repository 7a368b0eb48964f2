"""AsyncAPI: what an application has declared, as a document of AsyncAPI 3.

https://www.asyncapi.com/docs/reference/specification/v3.0.0. The application is the
subject: it receives what clients send, and sends what they are told.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, TypeAlias

from tidewire.app.registry import Registry
from tidewire.app.schemas import Described, DescribedCall, Schema, describe
from tidewire.channels.patterns import placeholders

Document: TypeAlias = dict[str, Any]

CONNECTION = "connection"
"""The WebSocket itself: what is said there is about no channel."""

ABOUT = (
    "Messages are JSON objects with a `type`, one in each text frame of a WebSocket; subprotocol "
    "`tidewire.v1`. A command may carry an `id` and then gets exactly one answer with it."
)

POSITION: Document = {
    "channel": {"type": "string"},
    "seq": {"type": "integer"},
    "tag": {"type": "string"},
    "timestamp": {"type": "integer", "description": "Milliseconds since the Unix epoch."},
    "from": {"type": "string", "description": "The user who published, if one did."},
}
"""The envelope of a publication."""


def asyncapi(registry: Registry, *, title: str, path: str = "/ws") -> Document:
    """The document. Raises ``TypeError`` for a type that JSON Schema cannot say."""
    described = describe(registry)
    parts = _Parts()
    _connection(parts, described, path)
    for pattern, types in described.channels.items():
        _channel(parts, pattern, types)
    return {
        "asyncapi": "3.0.0",
        "info": {"title": title, "version": "1.0.0", "description": ABOUT},
        "defaultContentType": "application/json",
        "channels": parts.channels,
        "operations": parts.operations,
        "components": {"messages": parts.messages, "schemas": described.components},
    }


class _Parts:
    """The document as it grows."""

    def __init__(self) -> None:
        self.channels: Document = {}
        self.operations: Document = {}
        self.messages: Document = {}

    def add_channel(self, name: str, channel: Document) -> None:
        self.channels[name] = {**channel, "messages": {}}

    def add_message(self, channel: str, name: str, payload: Schema, title: str) -> Document:
        """A message of ``channel``; answers how an operation refers to it."""
        self.messages[name] = {"name": title, "title": title, "payload": payload}
        self.channels[channel]["messages"][name] = {"$ref": f"#/components/messages/{name}"}
        return {"$ref": f"#/channels/{channel}/messages/{name}"}

    def add_operation(
        self, name: str, channel: str, messages: Iterable[Document], **more: Any
    ) -> None:
        """``more`` holds at least its ``action``."""
        reference = {"$ref": f"#/channels/{channel}"}
        self.operations[name] = {**more, "channel": reference, "messages": list(messages)}


def _connection(parts: _Parts, described: Described, path: str) -> None:
    parts.add_channel(CONNECTION, {"address": path, "title": "The connection"})
    for kind, schema in described.received.items():
        message = parts.add_message(CONNECTION, _key(kind), schema, kind)
        parts.add_operation(f"receive_{_key(kind)}", CONNECTION, [message], action="receive")
    for kind, schema in described.sent.items():
        message = parts.add_message(CONNECTION, _key(kind), schema, kind)
        parts.add_operation(f"send_{_key(kind)}", CONNECTION, [message], action="send")
    for call in described.calls:
        _call(parts, call)


def _call(parts: _Parts, call: DescribedCall) -> None:
    key = f"call_{_key(call.method)}"
    asked = _object(type=_const("call"), method=_const(call.method), data=call.parameters)
    told = _object(type=_const("result"), data=call.result)
    question = parts.add_message(CONNECTION, key, asked, f"call {call.method}")
    answer = parts.add_message(CONNECTION, f"{key}_result", told, f"result of {call.method}")
    reply = {"channel": {"$ref": f"#/channels/{CONNECTION}"}, "messages": [answer]}
    about = {"description": call.text} if call.text else {}
    parts.add_operation(key, CONNECTION, [question], action="receive", reply=reply, **about)


def _channel(parts: _Parts, pattern: str, types: list[Schema]) -> None:
    key = f"channel_{_key(pattern)}"
    while key in parts.channels:  # patterns that differ in what a key cannot hold
        key += "_"
    parameters = {
        name: {"description": "One segment of the name."} for name in placeholders(pattern)
    }
    about: Document = {"address": pattern, "title": pattern}
    parts.add_channel(key, {**about, "parameters": parameters} if parameters else about)
    data: Schema = types[0] if len(types) == 1 else {"anyOf": types} if types else {}
    asked = _object(type=_const("publish"), channel={"type": "string"}, data=data)
    told = _object(type=_const("message"), **POSITION, data=data)
    told["required"].remove("from")
    question = parts.add_message(key, f"{key}_publish", asked, f"publish in {pattern}")
    entry = parts.add_message(key, f"{key}_message", told, f"message of {pattern}")
    parts.add_operation(f"{key}_publish", key, [question], action="receive")
    parts.add_operation(f"{key}_deliver", key, [entry], action="send")


def _object(**fields: Schema) -> Schema:
    return {"type": "object", "properties": fields, "required": list(fields)}


def _const(value: str) -> Schema:
    return {"type": "string", "const": value}


def _key(name: str) -> str:
    """As AsyncAPI wants its keys."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", name).strip("_")
