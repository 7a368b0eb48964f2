"""The protocol's vectors, and the messages they describe."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from tests.support.vocabulary import EVENT_KINDS, type_name
from tidewire.messages import Event, Publication, SubscribedAll

Vector: TypeAlias = dict[str, Any]

FOLDER = Path(__file__).parents[2] / "spec/vectors"
NATIVE = json.loads((FOLDER / "native.json").read_text("utf-8"))
MESSAGEPACK = json.loads((FOLDER / "msgpack.json").read_text("utf-8"))
EVENTS = {type_name(kind): kind for kind in EVENT_KINDS if kind is not SubscribedAll}


def title(vector: Vector) -> str:
    number = vector.get("catalogue")
    return f"catalogue {number}: {vector['about']}" if number else str(vector["about"])


def text_of(vector: Vector) -> str:
    """A text as it is, or as parts that are each repeated so many times."""
    if "text" in vector:
        return str(vector["text"])
    return "".join(part * times for part, times in vector["parts"])


def bytes_of(vector: Vector) -> bytes:
    """The same for bytes, which are written in hexadecimal."""
    if "hex" in vector:
        return bytes.fromhex(vector["hex"])
    return b"".join(bytes.fromhex(part) * times for part, times in vector["parts"])


def fields_of(command: object) -> dict[str, Any]:
    """A command as JSON shows it; an option that was not given is not there."""
    given: dict[str, Any] = json.loads(msgspec.json.encode(command))
    if given.get("channels"):
        given["channels"] = [_without_nulls(each) for each in given["channels"]]
    data = {"data": given["data"]} if "data" in given else {}
    return _without_nulls(given) | data


def _without_nulls(fields: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in fields.items() if v is not None and v is not False}


def publication_of(entry: dict[str, Any]) -> Publication:
    """The entry of a log that a vector describes."""
    fields = dict(entry)
    return Publication(
        user_id=fields.pop("from"),
        client_id="c-1",
        data=json.dumps(fields.pop("data")),
        **fields,
    )


def event_of(fields: dict[str, Any]) -> Event:
    """The event a vector describes; the publications it carries come from their own vectors."""
    kind = SubscribedAll if "channels" in fields else EVENTS[fields["type"]]
    if not fields.get("messages"):
        return msgspec.json.decode(json.dumps(fields), type=kind)
    entries = [publication_of(_entry_of(message)) for message in fields["messages"]]
    event = msgspec.convert({**fields, "messages": []}, kind)
    return msgspec.structs.replace(event, messages=entries)


def _entry_of(message: dict[str, Any]) -> dict[str, Any]:
    entry: dict[str, Any] = next(v["entry"] for v in NATIVE["publications"] if v["json"] == message)
    return entry
