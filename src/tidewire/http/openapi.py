"""The API's OpenAPI 3.1 document, made from the types that decode the calls.

https://spec.openapis.org/oas/v3.1.0: its schemas are JSON Schema 2020-12, as
msgspec writes them.
"""

from __future__ import annotations

import inspect
from importlib.metadata import version
from typing import Any

import msgspec

from tidewire.api.calls import (
    CALLS,
    AboutClients,
    Answer,
    Batch,
    BroadcastResults,
    Call,
    Content,
    Failed,
    Published,
    Results,
    Revoke,
    SingleCall,
    method_of,
)
from tidewire.http.failures import STATUS

REF = "#/components/schemas/{name}"

DESCRIPTION = (
    "What a backend asks a Tidewire server: publish, read, and decide over who is connected. "
    "Every call is a POST of a JSON object. A call that is repeated does nothing twice that "
    "matters: `publish` and `broadcast` take a `once` key, the others set a state or read one."
)

WORDS: dict[int, str] = {
    400: "The body is not what the call takes.",
    401: "No key that was shown is configured.",
    403: "The server does not do this.",
    404: "There is no such channel or call, or the API is off.",
    405: "The method is not POST.",
    408: "The body did not come in time.",
    409: "There are as many as there may be.",
    413: "The body, or one publication's data, is too large.",
    429: "Too many wrong keys from this address.",
    500: "The server failed; the fault is logged there.",
    503: "The server cannot do this now; nothing was done.",
    504: "The server cannot tell whether it was done.",
}


def document() -> dict[str, Any]:
    """The whole document, as JSON values."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Tidewire HTTP API",
            "version": version("tidewire"),
            "description": DESCRIPTION,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "paths": {f"/api/{method_of(call)}": _path(call) for call in CALLS},
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            },
        },
        "security": [{"bearer": []}, {"header": []}],
    }


def encoded() -> bytes:
    return msgspec.json.encode(document())


def _path(call: type[Call]) -> dict[str, Any]:
    summary, _, rest = inspect.cleandoc(call.__doc__ or "").partition("\n\n")
    responses = {"200": _response("Done.", CALLS[call])}
    responses |= {str(status): _response(text, Failed) for status, text in WORDS.items()}
    return {
        "post": {
            "operationId": method_of(call),
            "summary": " ".join(summary.split()),
            "description": " ".join(rest.split()),
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": _ref(call)}},
            },
            "responses": responses,
        }
    }


def _response(text: str, answer: type[Answer]) -> dict[str, Any]:
    return {"description": text, "content": {"application/json": {"schema": _ref(answer)}}}


def _ref(kind: type) -> dict[str, str]:
    return {"$ref": REF.format(name=_name(kind))}


def _name(kind: type) -> str:
    """As msgspec names it: two types of one name would be one too few."""
    return kind.__name__


def _schemas() -> dict[str, Any]:
    kinds: list[type] = [*CALLS, *CALLS.values(), Failed]
    _, schemas = msgspec.json.schema_components(kinds, ref_template=REF)
    for call in CALLS:
        _adjust_call(call, schemas[_name(call)])
    either = {"anyOf": [_ref(Published), _ref(Failed)]}
    schemas[_name(BroadcastResults)]["properties"]["results"]["items"] = either
    answers = {_name(each): each for each in CALLS.values() if each is not Results}
    schemas[_name(Results)]["properties"]["results"]["items"] = {
        "anyOf": [*map(_ref, answers.values()), _ref(Failed)]
    }
    schemas[_name(Batch)]["properties"]["commands"]["items"] = {
        "oneOf": [{"allOf": [_ref(each)], "required": ["method"]} for each in SingleCall.__args__]
    }
    return schemas


def _adjust_call(call: type[Call], schema: dict[str, Any]) -> None:
    """What the path says already need not be repeated; and what fields must agree on."""
    schema["required"] = [name for name in schema["required"] if name != "method"]
    if issubclass(call, Content):
        schema["allOf"] = [
            {"anyOf": [{"required": ["data"]}, {"required": ["op"]}]},
            {"if": {"anyOf": [{"required": ["op"]}, {"required": ["ttl"]}]},
             "then": {"required": ["key"]}},
        ]  # fmt: skip
    elif issubclass(call, AboutClients):
        schema["oneOf"] = [{"required": [name]} for name in ("user", "client")]
    elif call is Revoke:
        names = ("user", "session", "token", "client")
        schema["oneOf"] = [{"required": [name]} for name in names]


assert {*STATUS.values()} <= {*WORDS}, "every status that can be answered is described"
