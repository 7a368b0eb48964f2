"""Channel: one declaration of what a kind of channel carries, keeps and allows.

    chat = app.channel("chat:{room}", Chat, history=100, presence=True)

    await chat("42").publish(Chat(text="hello"))

What clients publish there is checked against its types; an application's hooks
may name its pattern; ``tidewire types`` and the AsyncAPI document describe it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Self, TypedDict, TypeVar, Union, Unpack

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from tidewire.channels.names import check_name, segment
from tidewire.channels.options import Access, ChannelOptions, SlowReader
from tidewire.channels.patterns import placeholders
from tidewire.messages import Position
from tidewire.security.rates import Rate

if TYPE_CHECKING:
    from tidewire.app.link import Pending
    from tidewire.app.publishing import Publishes, PublishKeywords

T = TypeVar("T")


class ChannelKeywords(TypedDict, total=False):
    """What ``app.channel`` takes; what is left out is as the settings have it."""

    history: int
    """Entries kept."""
    history_ttl_s: float
    latest: bool
    """Keep the latest entry of each key."""
    presence: bool
    announce_up_to: int
    leave_after_s: float
    subscribe: Access
    publish: Access
    read_history: Access
    read_presence: Access
    publish_rate: Rate
    slow_reader: SlowReader
    echo: bool
    subscribed_by_server: bool


OPTION_OF = {
    "history": "history_size",
    "latest": "keeps_latest",
    "subscribe": "may_subscribe",
    "publish": "may_publish",
    "read_history": "may_read_history",
    "read_presence": "may_read_presence",
}
"""Where the short word of a declaration differs from the option's own."""

WHO_PUBLISHES: Access = "subscribers"
"""Unless said otherwise: so a hook that guards who may subscribe guards this, too."""


class Shape(Struct, frozen=True):
    """What entries of a channel look like: ``types`` as declared, and a decoder of any of them."""

    types: tuple[Any, ...]
    decode: Any

    def check(self, data: str) -> None:
        """Raises ``ValueError`` with the reason where ``data``, JSON text, fits no type."""
        try:
            self.decode(data)
        except RecursionError:
            raise ValueError("the data is nested too deeply") from None
        except msgspec.MsgspecError as error:
            raise ValueError(str(error)) from None


def make_shape(pattern: str, types: tuple[Any, ...]) -> Shape:
    """Raises ``TypeError`` with a sentence for types that cannot be told apart, or not be read."""
    try:
        union: Any = Union[types]  # noqa: UP007 (known only now)
        return Shape(types, msgspec.json.Decoder(union).decode)
    except TypeError as error:
        raise TypeError(
            f"app.channel({pattern!r}): its types cannot be read from JSON ({error}); several "
            "types in one channel are Messages, each with a type of its own"
        ) from None


class Declared(Struct, frozen=True):
    """One ``app.channel``: its options are what it says on top of the settings' own."""

    pattern: str
    shape: Shape | None
    said: dict[str, Any]

    @property
    def types(self) -> tuple[Any, ...]:
        """What its entries may be; none where that is anything."""
        return () if self.shape is None else self.shape.types

    def options(self, default: ChannelOptions) -> ChannelOptions:
        check = None if self.shape is None else self.shape.check
        return replace(default, **{"may_publish": WHO_PUBLISHES, "check": check, **self.said})


def declare(pattern: str, types: tuple[Any, ...], keywords: ChannelKeywords) -> Declared:
    placeholders(pattern)  # a pattern that is none fails here
    unknown = set(keywords) - set(ChannelKeywords.__annotations__)
    if unknown:
        raise TypeError(f"app.channel({pattern!r}) knows no option {', '.join(sorted(unknown))}")
    said = {OPTION_OF.get(name, name): value for name, value in keywords.items()}
    return Declared(pattern, make_shape(pattern, types) if types else None, said)


class Channel(Generic[T]):
    """A declared channel, or with placeholders a family of them: ``chat("42")`` is one."""

    def __init__(self, app: Publishes, pattern: str, name: str | None = None) -> None:
        self._app = app
        self._name = name
        self.pattern = pattern
        if name is None and not placeholders(pattern) and not pattern.endswith("*"):
            self._name = pattern

    @property
    def name(self) -> str:
        """Raises ``TypeError`` for a family."""
        if self._name is None:
            raise TypeError(f"{self.pattern} is many channels: say which, in parentheses")
        return self._name

    def __call__(self, *values: str, **named: str) -> Self:
        """The one channel of the family in which the placeholders stand for these values.

        What a channel's name cannot hold is escaped, so any text makes one segment.
        """
        wanted = placeholders(self.pattern)
        given = {**dict(zip(wanted, values, strict=False)), **named}
        if len(values) > len(wanted) or set(given) != set(wanted):
            raise TypeError(f"{self.pattern} needs {', '.join(wanted) or 'nothing'}")
        name = self.pattern
        for placeholder, value in given.items():
            name = name.replace(f"{{{placeholder}}}", segment(str(value)))
        check_name(name)
        return type(self)(self._app, self.pattern, name)

    async def publish(self, data: T, **keywords: Unpack[PublishKeywords]) -> Position:
        """As ``app.publish``."""
        return await self._app.publish(self.name, data, **keywords)

    def publish_soon(self, data: T, **keywords: Unpack[PublishKeywords]) -> Pending[Position]:
        """As ``app.publish_soon``."""
        return self._app.publish_soon(self.name, data, **keywords)

    def __repr__(self) -> str:
        return f"Channel({self._name or self.pattern!r})"
