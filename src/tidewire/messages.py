"""The vocabulary: what clients ask, what they are told, and what a channel keeps.

Frozen types only; no behaviour beyond small derivations. Dialects turn bytes
into these and back; the session, the node and the engines pass them around.
``spec/protocol.md`` is the same vocabulary in words.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypeAlias

from msgspec import UNSET, Meta, Raw, Struct, UnsetType, field

from tidewire.errors import ErrorCode

MAX_SAFE_INTEGER = 2**53 - 1
"""The largest integer a JavaScript number holds exactly: no ``seq`` or ``id`` goes past it."""

CommandId: TypeAlias = (
    Annotated[int, Meta(ge=0, le=MAX_SAFE_INTEGER)] | Annotated[str, Meta(max_length=64)]
)
Seq: TypeAlias = Annotated[int, Meta(ge=0, le=MAX_SAFE_INTEGER)]
ShortText: TypeAlias = Annotated[str, Meta(min_length=1, max_length=255)]
ChannelName: TypeAlias = Annotated[str, Meta(min_length=1, max_length=255)]
"""Only its length is checked here; the grammar is ``channels.names``."""

Op: TypeAlias = Literal["remove"]
Encoding: TypeAlias = Literal["base64"]

SkipReason: TypeAlias = Literal["echo", "excluded", "conflated", "dropped", "filtered"]
"""Why an entry was left out: the publisher does not want its own, or is not to see this one; the
reader was slow and its channel keeps the latest, or drops the oldest; or it asked for others."""

Recovery: TypeAlias = Literal["complete", "gap", "none"]
"""Whether everything after ``since`` follows: yes, no, or nobody asked."""


Rewind: TypeAlias = Annotated[int, Meta(ge=1, le=300)]
Grant: TypeAlias = Annotated[str, Meta(min_length=1, max_length=1024)]
"""A signed resume grant, opaque to whoever holds it."""

NULL = Raw(b"null")

MAX_TTL_S = 366 * 86_400.0
"""A key that outlives a year is one that nobody meant to expire."""


class Position(Struct, frozen=True, gc=False):
    """A place in a channel's log.

    A new ``epoch`` means the log started again. ``tag`` names the entry at
    ``seq``, so that a log that was rewound and regrown under the same epoch is
    recognised; it is empty at ``seq`` 0, where there is no entry.
    """

    epoch: Annotated[str, Meta(max_length=64)]
    seq: Seq
    tag: Annotated[str, Meta(max_length=32)] = ""


class Publication(Struct, gc=False):
    """One entry of a channel, the same for every subscriber.

    A node makes it with ``seq`` 0; the engine that accepts it fills in ``seq``,
    ``tag`` and ``timestamp``, and nobody changes it after that. Not frozen for
    this one step: a second object for every message cost 0.4 us of its 5.

    Within one epoch ``seq`` rises by exactly one: a gap means a loss.
    ``timestamp`` (ms since the Unix epoch, the server's clock) informs and
    never orders. ``data`` is JSON text; the server never looks inside it. For
    ``kind`` "message" it travels under ``data``; any other kind is an object
    whose fields travel beside the envelope, as the seed's ``chat`` does.
    ``user_id`` and ``client_id`` are empty where the application published.

    ``op`` "remove" takes ``key`` out of the channel's latest-per-key map, whose
    entry otherwise lasts until ``expires_at`` (ms, as ``timestamp``; None: as long
    as the map does). ``encoding`` "base64" says that ``data`` is a JSON string
    of base64, which stands for bytes. ``tags`` are for filters. ``exclude`` names
    the one client that is not sent it live, and is told so with ``skipped``; it
    stays on the server.
    """

    channel: str
    seq: int
    tag: str
    timestamp: int
    user_id: str
    client_id: str
    data: str
    kind: str = "message"
    once: str | None = None
    key: str | None = None
    ref: int | None = None
    op: Op | None = None
    tags: dict[str, str] | None = None
    encoding: Encoding | None = None
    expires_at: int | None = None
    exclude: str = ""


class Signal(Struct, frozen=True, gc=False):
    """Something that happens in a channel and is no entry of it: typing, a cursor.

    No ``seq``, never in history; of one client and one ``name`` only the latest
    matters, and a slow reader misses it first. ``data`` is JSON text.
    """

    channel: str
    name: str
    user_id: str
    client_id: str
    data: str


ENVELOPE_BYTES = 200
"""What a publication costs beside its data, on the wire and in memory, roughly: counted wherever
entries are bounded by bytes, since a million of one byte each are not a megabyte."""


# --- commands: what a client asks -------------------------------------------------------------


class Command(Struct, frozen=True, rename="camel", tag_field="type", kw_only=True):
    """One request. With an ``id`` it gets exactly one answer carrying that ``id``."""

    id: CommandId | UnsetType = UNSET


class Ping(Command, frozen=True, tag="ping"):
    """Answered with ``pong``; with an ``id`` the answer also carries the server's clock."""


class Chat(Command, frozen=True, tag="chat"):
    """The seed's message: a publication of kind "chat" in ``channel``."""

    text: str
    channel: ChannelName = "lobby"
    once: ShortText | None = None


class Publish(Command, frozen=True, tag="publish"):
    """Append ``data`` (any JSON value) to a channel.

    ``op`` "remove" takes ``key`` out of the channel's latest-per-key map;
    ``ttl`` is the seconds after which the key leaves it by itself. ``data`` may be
    left out only with ``op``, and with ``encoding`` it is a string of base64, which
    stands for bytes: the dialects see to both.
    """

    channel: ChannelName
    data: Raw | UnsetType = UNSET
    once: ShortText | None = None
    key: ShortText | None = None
    ref: Seq | None = None
    op: Op | None = None
    ttl: Annotated[float, Meta(gt=0, le=MAX_TTL_S)] | None = None
    tags: Annotated[dict[ShortText, ShortText], Meta(max_length=8)] | None = None
    encoding: Encoding | None = None


class SignalCommand(Command, frozen=True, tag="signal"):
    """Tell the channel's other clients something that is not kept."""

    channel: ChannelName
    name: ShortText
    data: Raw = NULL


class Place(Struct, frozen=True, rename="camel"):
    """One of several channels to subscribe to, and from where."""

    channel: ChannelName
    since: Position | None = None
    rewind: Rewind | None = None
    grant: Grant | None = None


class Subscribe(Command, frozen=True, tag="subscribe"):
    """Receive a channel's publications from now on, or from ``since`` without a hole.

    ``rewind`` asks for the latest so many first; ``grant`` is what an earlier
    ``subscribed`` carried. ``channels`` subscribes to several and takes the place
    of the other fields.
    """

    channel: Annotated[str, Meta(max_length=255)] = ""
    since: Position | None = None
    rewind: Rewind | None = None
    grant: Grant | None = None
    channels: Annotated[list[Place], Meta(min_length=1, max_length=128)] | None = None

    def __post_init__(self) -> None:
        if bool(self.channel) == bool(self.channels):
            raise ValueError("subscribe names one channel, or several in channels")


class Unsubscribe(Command, frozen=True, tag="unsubscribe"):
    channel: ChannelName


class History(Command, frozen=True, tag="history"):
    """At most ``limit`` publications: after ``since``, before ``before``, or the latest.

    Oldest first, or newest first with ``reverse``.
    """

    channel: ChannelName
    since: Position | None = None
    before: Position | None = None
    limit: Annotated[int, Meta(ge=1, le=300)] = 100
    reverse: bool = False


class Presence(Command, frozen=True, tag="presence"):
    """Who is in a channel now."""

    channel: ChannelName


class State(Command, frozen=True, tag="state"):
    """What the others see of this client in a channel, beside its user's info: "away", a colour."""

    channel: ChannelName
    data: Raw = NULL


class Call(Command, frozen=True, tag="call"):
    """Ask the application something; answered with ``result``."""

    method: ShortText
    data: Raw = NULL


class Refresh(Command, frozen=True, tag="refresh"):
    """A newer token for the same user, before the old one expires."""

    token: Annotated[str, Meta(min_length=1, max_length=8192)]


AnyCommand: TypeAlias = (
    Ping
    | Chat
    | Publish
    | SignalCommand
    | Subscribe
    | Unsubscribe
    | History
    | Presence
    | State
    | Call
    | Refresh
)


class AppMessage(Struct, frozen=True):
    """A message of one of the application's own types, and what it is answered to."""

    message: Struct
    id: CommandId | UnsetType = UNSET


# --- events: what a client is told ------------------------------------------------------------


class Event(
    Struct, frozen=True, rename="camel", tag_field="type", omit_defaults=True, kw_only=True
):
    """One message from the server. ``id`` is there when it answers a command."""

    id: int | str | UnsetType = UNSET


class Member(Struct, frozen=True, rename="camel", omit_defaults=True):
    """One user who is in a channel."""

    user_id: str
    info: Any = None
    clients: dict[str, Any] | UnsetType = UNSET
    """By client id, the state each has set; left out where nobody has set one."""


class Limits(Struct, frozen=True, rename="camel"):
    """What a client may do, so that it need not find out by being refused."""

    max_message_bytes: int
    publications_per_second: float
    publication_bytes_per_second: float
    frames_per_second: float
    subscriptions: int
    unanswered_ids: int


class Connected(Event, frozen=True, tag="connected"):
    """The first message on every connection."""

    user_id: str
    user_count: int
    client_id: str
    heartbeat: float
    protocol: int
    features: tuple[str, ...]
    limits: Limits
    channel: str | UnsetType = UNSET
    epoch: str | UnsetType = UNSET
    seq: int | UnsetType = UNSET
    tag: str | UnsetType = UNSET
    info: Any = None
    expires_at: int | None = None
    grant: str | UnsetType = UNSET
    """Proof of who this is, for the next connection: given where an application's hook decided."""


class UserJoined(Event, frozen=True, tag="user_joined"):
    user_id: str
    channel: str
    info: Any = None


class UserLeft(Event, frozen=True, tag="user_left"):
    user_id: str
    channel: str


class Occupancy(Event, frozen=True, tag="occupancy"):
    """Instead of joins and leaves in a large channel, at most once a second."""

    channel: str
    user_count: int


class StateChanged(Event, frozen=True, tag="state"):
    """A client's state in a channel is ``data`` now."""

    channel: str
    user_id: str
    client_id: str
    data: Raw


class Signalled(Event, frozen=True, tag="signal"):
    """A ``Signal``, as the others in its channel are told it; the application's has no sender."""

    channel: str
    name: str
    data: Raw
    sender: str = field(default="", name="from")
    client_id: str = ""


class Skipped(Event, frozen=True, tag="skipped"):
    """The entries ``first`` to ``last`` of a channel are left out on purpose: no hole to repair."""

    channel: str
    first: int = field(name="from")
    last: int = field(name="to")
    reason: SkipReason


class Lost(Event, frozen=True, tag="gap"):
    """The channel's log cannot be followed without a hole: load its state anew, then go on from
    here."""

    channel: str
    epoch: str
    seq: int
    tag: str


class Result(Event, frozen=True, tag="result"):
    """What a ``call`` answered, or that an application's message was handled."""

    data: Raw = NULL


class Pong(Event, frozen=True, tag="pong"):
    timestamp: int | UnsetType = UNSET


class Published(Event, frozen=True, tag="published"):
    channel: str
    epoch: str
    seq: int
    tag: str


class Excerpt(Event, frozen=True):
    """An answer that carries publications. ``more`` says that another page follows it."""

    channel: str
    epoch: str
    seq: int
    tag: str
    recovery: Recovery
    messages: Sequence[Publication] = ()
    more: bool = False


class Subscribed(Excerpt, frozen=True, tag="subscribed"):
    """The position after ``messages``; after the last page everything follows live from there.

    With ``snapshot`` the ``messages`` are the latest entry of each key instead of
    what was missed. Without an ``id`` and unasked, it is the server's own doing.
    """

    snapshot: bool = False
    grant: str | UnsetType = UNSET


class SubscribedAll(Event, frozen=True, tag="subscribed"):
    """The answer to a ``subscribe`` of several channels, after what each of them was answered."""

    channels: tuple[str, ...]
    refused: tuple[str, ...] = ()


class Unsubscribed(Event, frozen=True, tag="unsubscribed"):
    """The answer to ``unsubscribe``; with a ``code``, the server's own doing and why."""

    channel: str
    code: str | UnsetType = UNSET


class HistoryPage(Excerpt, frozen=True, tag="history"):
    """``messages``, oldest first, and the position after the last of them."""


class PresenceList(Event, frozen=True, tag="presence"):
    """``users`` is empty above the announcement limit; ``user_count`` is always right."""

    channel: str
    user_count: int
    users: tuple[Member, ...]
    client_count: int = 0


class Refreshed(Event, frozen=True, tag="refreshed"):
    expires_at: int | None


class Draining(Event, frozen=True, tag="draining"):
    """This server is going away: come back at a random moment within ``window`` seconds.

    With fresh grants, as of now, for the connection and for the channels that the
    application has let this client into: a crowd comes back, and nobody need be asked.
    """

    window: float
    grant: str | UnsetType = UNSET
    grants: dict[str, str] | UnsetType = UNSET


class Failure(Event, frozen=True, tag="error"):
    """A command was refused. The connection lives on."""

    code: ErrorCode
    message: str
    retry_after: float | UnsetType = UNSET
    channel: str | UnsetType = UNSET
    """Which of several channels was refused."""


RESERVED_TYPES = frozenset(
    {
        "array", "batch", "call", "chat", "connected", "draining", "error", "gap", "history",
        "message", "occupancy", "ping", "pong", "presence", "publish", "published", "refresh",
        "refreshed", "result", "signal", "skipped", "state", "subscribe", "subscribed",
        "unsubscribe", "unsubscribed", "user_joined", "user_left",
    }
)  # fmt: skip
"""Type names an application may not declare."""

ENVELOPE_FIELDS = frozenset(
    {
        "type", "id", "channel", "seq", "tag", "epoch", "timestamp", "from", "clientId",
        "once", "key", "ref", "op", "tags", "encoding", "expiresAt",
    }
)  # fmt: skip
"""Field names the envelope owns: an application's type may not use them."""
