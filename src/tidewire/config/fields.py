"""The settings as a list: path, environment variable, what is accepted, what it means.

Read from the types in ``settings``, so that messages, the reference page and
``tidewire config`` cannot disagree with what is checked. Reads nothing else.
"""

from __future__ import annotations

import difflib
import types
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from msgspec import NODEFAULT, Meta, Struct
from msgspec.structs import FieldInfo, fields

from tidewire.config.settings import Channel, Settings
from tidewire.config.values import Network, Secret

ENV_PREFIX = "TIDEWIRE_"
CHANNELS = "channels"
"""The one section that is a list of tables."""

CHANNELS_VARIABLE = f"{ENV_PREFIX}{CHANNELS.upper()}"
"""Holds all of its tables as one JSON text."""


class Field(Struct, frozen=True):
    """One setting. ``path`` is "section.name"."""

    path: str
    kind: Any
    default: object
    description: str
    is_required: bool = False

    @property
    def section(self) -> str:
        return self.path.partition(".")[0]

    @property
    def name(self) -> str:
        return self.path.rpartition(".")[2]

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return ENV_PREFIX + self.path.replace(".", "__").upper()

    @property
    def is_list(self) -> bool:
        return get_origin(bare(self.kind)) is tuple

    @property
    def is_optional(self) -> bool:
        return type(None) in get_args(bare(self.kind))

    @property
    def is_secret(self) -> bool:
        return Secret in get_args(bare(self.kind))

    @property
    def accepts(self) -> str:
        """The values it takes, in words that fit after "must be"."""
        return in_words(self.kind)


def bare(kind: Any) -> Any:
    """``kind`` without its ``Annotated``."""
    return get_args(kind)[0] if get_origin(kind) is Annotated else kind


def metas(kind: Any) -> Iterator[Meta]:
    if get_origin(kind) is Annotated:
        yield from (part for part in get_args(kind)[1:] if isinstance(part, Meta))


WORDS: Mapping[type, tuple[str, str]] = {
    bool: ("true or false", "true or false"),
    str: ("text", "texts"),
    Secret: ("a secret", "secrets"),
    Network: ("a network such as 10.0.0.0/8", "networks such as 10.0.0.0/8"),
}


def in_words(kind: Any) -> str:
    plain = bare(kind)
    if get_origin(plain) is Literal:
        return f"one of {', '.join(get_args(plain))}"
    if get_origin(plain) is tuple:
        return f"a list of {WORDS[get_args(plain)[0]][1]}"
    if get_origin(plain) in (Union, types.UnionType):
        (one,) = (member for member in get_args(plain) if member is not type(None))
        return in_words(one)
    if plain in (int, float):
        return ("a whole number" if plain is int else "a number") + _range(kind)
    return WORDS[plain][0] + _length(kind)


def _range(kind: Any) -> str:
    bounds = {
        name: value
        for meta in metas(kind)
        for name in ("ge", "gt", "le")
        if (value := getattr(meta, name)) is not None
    }
    match bounds:
        case {"ge": low, "le": high}:
            return f" from {low} to {high}"
        case {"gt": low, "le": high}:
            return f" above {low}, up to {high}"
        case {"ge": low}:
            return f" from {low}"
        case {"gt": low}:
            return f" above {low}"
    return ""


def _length(kind: Any) -> str:
    longest = (meta.max_length for meta in metas(kind) if meta.max_length is not None)
    return next((f" of 1 to {length} characters" for length in longest), "")


def _of_section(section: str, kind: type[Struct]) -> Iterator[Field]:
    for info in fields(kind):
        yield Field(
            path=f"{section}.{info.name}",
            kind=info.type,
            default=None if info.required else info.default,
            description=_description(info),
            is_required=info.default is NODEFAULT,
        )


def _description(info: FieldInfo) -> str:
    texts = [meta.description for meta in metas(info.type) if meta.description]
    return texts[-1] if texts else ""


SECTIONS: Mapping[str, type[Struct]] = {
    **{info.name: info.type for info in fields(Settings) if info.name != CHANNELS},
    CHANNELS: Channel,
}
FIELDS: Mapping[str, Field] = {
    field.path: field
    for section, kind in SECTIONS.items()
    if section != CHANNELS
    for field in _of_section(section, kind)
}
CHANNEL_FIELDS: Mapping[str, Field] = {
    field.name: field for field in _of_section(CHANNELS, Channel)
}


def nearest(wrong: str, known: Iterable[str]) -> str:
    """``", did you mean ...?"`` where a known name is close to a wrong one, else nothing."""
    found = difflib.get_close_matches(wrong, list(known), n=1)
    return f"; did you mean {found[0]}?" if found else ""
