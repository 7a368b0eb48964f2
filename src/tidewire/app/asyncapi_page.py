"""The AsyncAPI document as a page to read: no script, nothing from elsewhere."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from html import escape
from importlib.resources import files
from string import Template
from typing import TypeAlias

from tidewire.app.asyncapi import CONNECTION, Document
from tidewire.app.schemas import REFERENCE, Schema

Section: TypeAlias = tuple[str, list[str]]
"""A heading, and what is under it."""

LIMITS = {
    "minimum": "at least",
    "exclusiveMinimum": "above",
    "maximum": "at most",
    "exclusiveMaximum": "below",
    "minLength": "characters at least",
    "maxLength": "characters at most",
    "minItems": "items at least",
    "maxItems": "items at most",
    "pattern": "matches",
    "default": "else",
}
"""What a schema says beside its type, in words."""


def asyncapi_page(document: Document, *, json_path: str) -> str:
    """HTML that shows ``document``, which can also be had at ``json_path``."""
    template = Template((files("tidewire.app") / "asyncapi.html").read_text("utf-8"))
    sections = [each for each in _sections(document) if each[1]]
    return template.substitute(
        title=escape(document["info"]["title"]),
        about=_prose(document["info"]["description"]),
        contents="".join(f'<a href="#{_anchor(name)}">{name}</a>' for name, _ in sections),
        body="\n".join(_section(name, parts) for name, parts in sections)
        or "<p>This application declares no messages, calls or channels.</p>",
        json_path=escape(json_path),
    )


def _sections(document: Document) -> Iterator[Section]:
    operations = document["operations"].items()
    plain = [each for key, each in operations if _is_on_connection(each) and "reply" not in each]
    yield "Messages a client sends", _messages(document, plain, "receive")
    yield "Messages the server sends", _messages(document, plain, "send")
    yield "Calls", [_call(document, each) for _, each in operations if "reply" in each]
    channels = document["channels"]
    yield "Channels", [_channel(document, channels[key]) for key in channels if key != CONNECTION]
    types = document["components"]["schemas"].items()
    yield "Types", [_details(name, _target(name) + _schema(document, each)) for name, each in types]


def _is_on_connection(operation: Document) -> bool:
    return bool(operation["channel"]["$ref"] == f"#/channels/{CONNECTION}")


def _messages(document: Document, operations: Iterable[Document], action: str) -> list[str]:
    chosen = [each for each in operations if each["action"] == action]
    found = [_message_of(document, each["messages"][0]) for each in chosen]
    return [_details(each["title"], _schema(document, each["payload"])) for each in found]


def _call(document: Document, operation: Document) -> str:
    asked = _message_of(document, operation["messages"][0])["payload"]["properties"]
    told = _message_of(document, operation["reply"]["messages"][0])["payload"]["properties"]
    text = f"<p>{_prose(operation['description'])}</p>" if "description" in operation else ""
    answer = f"<p>Answer: {_type(told['data'])}.</p>"
    body = text + _schema(document, asked["data"]) + answer
    return _details(asked["method"]["const"], body, note="call")


def _channel(document: Document, channel: Document) -> str:
    key = next(name for name in channel["messages"] if name.endswith("_message"))
    data = document["components"]["messages"][key]["payload"]["properties"]["data"]
    types = data.get("anyOf", [data])
    body = "".join(_schema(document, each) for each in types)
    return _details(channel["address"], body, note="entries")


def _message_of(document: Document, reference: Document) -> Document:
    name = reference["$ref"].rpartition("/")[2]
    message: Document = document["components"]["messages"][name]
    return message


def _schema(document: Document, schema: Schema) -> str:
    """A schema as a table of its fields."""
    name = schema.get("$ref", "").removeprefix(REFERENCE)
    whole: Schema = document["components"]["schemas"].get(name, schema)
    text = f"<p>{_prose(whole['description'])}</p>" if "description" in whole else ""
    rows = "".join(_row(field, each, whole) for field, each in whole.get("properties", {}).items())
    if not rows:
        return f"{text}<p>{_type(schema) if 'properties' not in whole else 'No fields.'}</p>"
    head = '<thead><tr><th scope="col">Field</th><th scope="col">Type</th></tr></thead>'
    return f"{text}<table>{head}<tbody>{rows}</tbody></table>"


def _row(field: str, schema: Schema, whole: Schema) -> str:
    optional = "" if field in whole.get("required", ()) else ' <span class="faint">optional</span>'
    limits = "".join(
        f', <span class="faint">{word} {escape(json.dumps(schema[key]))}</span>'
        for key, word in LIMITS.items()
        if key in schema
    )
    name = f'<th scope="row"><code>{escape(field)}</code>{optional}</th>'
    return f"<tr>{name}<td>{_type(schema)}{limits}</td></tr>"


def _type(schema: Schema) -> str:
    if "$ref" in schema:
        name = escape(schema["$ref"].removeprefix(REFERENCE))
        return f'<a href="#type-{name}"><code>{name}</code></a>'
    if "anyOf" in schema:
        return " or ".join(map(_type, schema["anyOf"]))
    if "enum" in schema or "const" in schema:
        values = schema.get("enum", [schema.get("const")])
        return " or ".join(f"<code>{escape(json.dumps(each))}</code>" for each in values)
    if schema.get("type") == "array" and schema.get("items"):
        return f"array of {_type(schema['items'])}"
    return escape(str(schema.get("type", "anything")))


def _target(name: str) -> str:
    """Where links to a type lead: inside its details, so that a browser opens them."""
    return f'<span id="type-{escape(name)}"></span>'


def _details(title: str, body: str, *, note: str = "") -> str:
    aside = f'<span class="faint">{note}</span>' if note else ""
    summary = f"<summary><code>{escape(title)}</code>{aside}</summary>"
    return f"<details>{summary}<div>{body}</div></details>"


def _section(name: str, parts: list[str]) -> str:
    return f'<section id="{_anchor(name)}"><h2>{name}</h2>{"".join(parts)}</section>'


def _anchor(name: str) -> str:
    return name.lower().replace(" ", "-")


def _prose(text: str) -> str:
    """Plain text with `code` in it."""
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", escape(text))
