"""Call: a method that clients may call; its parameters come from JSON by their annotations.

    @app.call("score")
    def score(client: Client, player: str) -> int: ...

A client sends ``{"type":"call","method":"score","data":{"player":"ann"}}``, or the
same by position: ``"data":["ann"]``.
"""

from __future__ import annotations

import inspect
from inspect import Parameter
from typing import Any, get_type_hints

import msgspec
from msgspec import Raw, Struct

from tidewire.app.handlers import Function, Handler, Handling, Wanted, make_handler
from tidewire.app.hooks import ANSWER_S
from tidewire.errors import CommandRefused

NOTHING = (b"", b"null")


class Call(Struct, frozen=True):
    """A method and the types of what goes in and comes out.

    ``by_name`` and ``by_place`` are the parameters as a JSON object and as an array.
    """

    method: str
    handler: Handler
    by_name: type[Struct]
    by_place: type[Struct]
    result: Any

    def arguments(self, data: Raw) -> dict[str, Any]:
        """Raises ``CommandRefused("malformed")`` with the reason where they do not fit."""
        text = bytes(data).strip()
        shape = self.by_place if text.startswith(b"[") else self.by_name
        try:
            found = msgspec.json.decode(b"{}" if text in NOTHING else text, type=shape)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise CommandRefused("malformed", f"{self.method}: {error}"[:200]) from None
        return msgspec.structs.asdict(found)


def make_call(method: str, function: Function, handling: Handling) -> Call:
    """``function`` as what ``method`` does; raises ``TypeError`` where it cannot be."""
    label = f"@app.call({method!r})"
    handler = make_handler(function, _wanted(label, function), handling)
    fields, result = _typed(label, function)
    by_name = msgspec.defstruct("Parameters", fields, rename="camel", kw_only=True)
    by_place = msgspec.defstruct("Parameters", fields, array_like=True)
    try:
        msgspec.json.Decoder(by_name)
        msgspec.json.schema_components([result])
    except TypeError as error:
        raise TypeError(
            f"{label}: {function.__name__} has a type JSON cannot say: {error}"
        ) from None
    return Call(method, handler, by_name, by_place, result)


def _wanted(label: str, function: Function) -> Wanted:
    """Whatever follows the client is the client's to give."""
    parameters = list(inspect.signature(function).parameters.values())[1:]
    for each in parameters:
        if each.kind not in (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY):
            raise TypeError(f"{label}: {function.__name__} takes {each}, which no client can give")
    return Wanted(label, ("client",), tuple(each.name for each in parameters), ANSWER_S)


def _typed(label: str, function: Function) -> tuple[list[Any], Any]:
    """The parameters after the client as fields of a struct, and the type of the answer."""
    try:
        hints = get_type_hints(function, include_extras=True)
    except NameError as error:
        raise TypeError(f"{label}: an annotation of {function.__name__}: {error}") from None
    fields = []
    for each in list(inspect.signature(function).parameters.values())[1:]:
        hint = hints.get(each.name, Any)
        default = () if each.default is Parameter.empty else (_default(each.default),)
        fields.append((each.name, hint, *default))
    return fields, hints.get("return", Any)


def _default(value: Any) -> Any:
    """A list or dict would be shared by all calls: each gets its own."""
    if isinstance(value, (list, dict, set)):
        return msgspec.field(default_factory=value.copy)
    return value
