"""What a backend may ask over HTTP, and what it is answered: one type for each.

The server decodes these, the client encodes them, and the OpenAPI document is
made from them. ``POST /api/<method>`` takes one as its JSON body; a batch holds
many, each with its ``method``. Unlike a client's commands they refuse unknown
fields: a misspelt ``once`` would be a message twice.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from msgspec import UNSET, Meta, Raw, Struct, UnsetType, field

from tidewire.errors import ErrorCode
from tidewire.messages import (
    MAX_TTL_S,
    ChannelName,
    Encoding,
    Op,
    Position,
    Recovery,
    Seq,
    ShortText,
)

MAX_BODY_BYTES = 4 * 1024 * 1024
"""Sixty-four publications of the largest size, or some ten thousand small ones."""

MAX_BATCH = 1_000
"""Calls in one batch, channels in one broadcast: some 10 ms of the loop, in which nobody else is
served."""

MAX_PAGE = 1_000
"""Connections or channels in one answer."""

UserId: TypeAlias = Annotated[str, Meta(min_length=1, max_length=128)]
Moment: TypeAlias = Annotated[float, Meta(ge=0, le=253_402_300_799)]
"""Unix seconds, to the end of the year 9999."""


class Call(
    Struct,
    frozen=True,
    kw_only=True,
    rename="camel",
    tag_field="method",
    forbid_unknown_fields=True,
    omit_defaults=True,
):
    """One request."""


class Answer(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What a call is answered."""


class Failed(Answer, frozen=True, kw_only=True):
    """Why a call was not done. ``message`` is for people; ``retryAfter`` is in seconds."""

    code: ApiErrorCode
    message: str
    retry_after: float | UnsetType = UNSET


ApiErrorCode: TypeAlias = ErrorCode | Literal["unauthorized", "not_found", "timeout"]
"""The protocol's codes; and for HTTP that no key was right, that there is no such path, channel,
user or client, and that the body did not come in time."""


# --- publishing ---------------------------------------------------------------------------------


class Content(Call, frozen=True, kw_only=True):
    """What is published. With ``once`` a repeated call publishes once, for five minutes.

    ``type`` other than "message" is an application's own (or "chat"): ``data`` is then
    an object whose fields travel beside the envelope's. ``user`` is who it is said to
    be from.
    """

    data: Raw | UnsetType = UNSET
    once: ShortText | UnsetType = UNSET
    key: ShortText | UnsetType = UNSET
    ref: Seq | UnsetType = UNSET
    op: Op | UnsetType = UNSET
    ttl: Annotated[float, Meta(gt=0, le=MAX_TTL_S)] | UnsetType = UNSET
    tags: Annotated[dict[ShortText, ShortText], Meta(max_length=8)] | UnsetType = UNSET
    user: UserId | UnsetType = UNSET
    kind: Annotated[str, Meta(min_length=1, max_length=64)] = field(name="type", default="message")


class Publish(Content, frozen=True, kw_only=True, tag="publish"):
    """Append an entry to a channel; answered once it is in the channel's history."""

    channel: ChannelName


class Published(Answer, frozen=True):
    """The entry's position."""

    channel: str
    epoch: str
    seq: int
    tag: str

    @property
    def position(self) -> Position:
        return Position(self.epoch, self.seq, self.tag)


class Broadcast(Content, frozen=True, kw_only=True, tag="broadcast"):
    """The same entry for many channels. Each ends for itself, in the order given."""

    channels: Annotated[list[ChannelName], Meta(min_length=1, max_length=MAX_BATCH)]


class Signal(Call, frozen=True, kw_only=True, tag="signal"):
    """Tell a channel's subscribers something that is not kept."""

    channel: ChannelName
    name: ShortText
    data: Raw | UnsetType = UNSET
    user: UserId | UnsetType = UNSET


# --- reading ------------------------------------------------------------------------------------


class History(Call, frozen=True, kw_only=True, tag="history"):
    """At most ``limit`` entries: after ``since``, before ``before``, or the latest."""

    channel: ChannelName
    since: Position | UnsetType = UNSET
    before: Position | UnsetType = UNSET
    limit: Annotated[int, Meta(ge=1, le=MAX_PAGE)] = 100
    reverse: bool = False


class Entry(Answer, frozen=True, kw_only=True):
    """One entry, its data under ``data`` whatever its type. ``timestamp`` is in milliseconds."""

    kind: str = field(name="type")
    seq: int
    tag: str
    timestamp: int
    user_id: str = field(name="from", default="")
    client_id: str = ""
    data: Any
    once: str | UnsetType = UNSET
    key: str | UnsetType = UNSET
    ref: int | UnsetType = UNSET
    op: Op | UnsetType = UNSET
    tags: dict[str, str] | UnsetType = UNSET
    encoding: Encoding | UnsetType = UNSET
    expires_at: int | UnsetType = UNSET


class HistoryPage(Answer, frozen=True):
    """``entries`` and the position after the last of them; ``more`` says that others follow.

    ``recovery`` "gap": what follows ``since`` can no longer be told.
    """

    channel: str
    epoch: str
    seq: int
    tag: str
    recovery: Recovery
    entries: list[Entry]
    more: bool


class Latest(Call, frozen=True, kw_only=True, tag="latest"):
    """The latest entry of each key of a channel that keeps them, by rising ``seq``.

    On from ``after``, the ``seq`` of the last entry of the page before: a key that changes
    meanwhile moves behind it, so none is missed.
    """

    channel: ChannelName
    after: Seq = 0


class LatestEntries(Answer, frozen=True):
    """Where the log stands, and entries; ``more`` says that others follow."""

    channel: str
    epoch: str
    seq: int
    tag: str
    entries: list[Entry]
    more: bool = False


class Presence(Call, frozen=True, kw_only=True, tag="presence"):
    """Who is in a channel now."""

    channel: ChannelName


class Present(Answer, frozen=True):
    """One user in a channel. ``clients`` maps client ids to the state each has set."""

    user_id: str
    info: Any = None
    clients: dict[str, Any] = {}


class PresenceList(Answer, frozen=True):
    """``users`` is empty above the channel's announcement limit; the counts are always right."""

    channel: str
    user_count: int
    client_count: int
    users: list[Present]


class Channels(Call, frozen=True, kw_only=True, tag="channels"):
    """Channels with a subscriber or with entries, by name; on from ``after``."""

    prefix: Annotated[str, Meta(max_length=255)] = ""
    after: Annotated[str, Meta(max_length=255)] = ""
    limit: Annotated[int, Meta(ge=1, le=MAX_PAGE)] = 100


class ChannelFacts(Answer, frozen=True):
    channel: str
    subscribers: int


class ChannelList(Answer, frozen=True):
    """``next`` is the ``after`` of the page that follows, where one does."""

    channels: list[ChannelFacts]
    next: str | UnsetType = UNSET


class Connections(Call, frozen=True, kw_only=True, tag="connections"):
    """Who is connected: one user's, one client, those in one channel, or all; by client id."""

    user: UserId | UnsetType = UNSET
    client: ShortText | UnsetType = UNSET
    channel: ChannelName | UnsetType = UNSET
    after: Annotated[str, Meta(max_length=64)] = ""
    limit: Annotated[int, Meta(ge=1, le=MAX_PAGE)] = 100


class ConnectionFacts(Answer, frozen=True):
    """``seconds`` is since it opened; ``address`` is absent behind a proxy that nobody trusts."""

    client_id: str
    user_id: str
    channels: list[str]
    seconds: float
    address: str | UnsetType = UNSET


class ConnectionList(Answer, frozen=True):
    connections: list[ConnectionFacts]
    next: str | UnsetType = UNSET


class Top(Call, frozen=True, kw_only=True, tag="top"):
    """Who causes most of the load."""

    limit: Annotated[int, Meta(ge=1, le=100)] = 10


class Share(Answer, frozen=True):
    """``count`` may be too high, by ``error`` at most."""

    key: str
    count: int
    error: int = 0


class Shares(Answer, frozen=True):
    """The heaviest first, by messages, by bytes and by errors."""

    messages: list[Share]
    bytes: list[Share]
    errors: list[Share]


class TopList(Answer, frozen=True):
    """Counted over the last ``seconds``; messages and bytes are estimates from a sample."""

    seconds: float
    users: Shares
    channels: Shares
    addresses: Shares


# --- people -------------------------------------------------------------------------------------


class AboutClients(Call, frozen=True, kw_only=True):
    """Names one client, or a user and so every client of it; not both."""

    user: UserId | UnsetType = UNSET
    client: ShortText | UnsetType = UNSET

    def __post_init__(self) -> None:
        if (self.user is UNSET) == (self.client is UNSET):
            raise ValueError("give a user or a client")


class Disconnect(AboutClients, frozen=True, kw_only=True, tag="disconnect"):
    """Close connections: for good (4003), or with ``comeBack`` to connect anew (1001)."""

    come_back: bool = False


class Subscribe(AboutClients, frozen=True, kw_only=True, tag="subscribe"):
    """Subscribe clients to a channel, whatever it lets them do themselves."""

    channel: ChannelName


class Unsubscribe(AboutClients, frozen=True, kw_only=True, tag="unsubscribe"):
    """Take clients out of a channel; they are told so."""

    channel: ChannelName


class Affected(Answer, frozen=True):
    """How many connections it was done to: none is no error, they may have gone by themselves."""

    clients: int


class Revoke(Call, frozen=True, kw_only=True, tag="revoke"):
    """Void what was issued to a user, a login (``sid``), a token (``jti``) or a client. Cuts them.

    ``issuedBefore`` is now unless given, so that a new login works. ``ttl`` is for how
    long: until the longest token has expired, unless a shorter life is known.
    """

    user: UserId | UnsetType = UNSET
    session: ShortText | UnsetType = UNSET
    token: ShortText | UnsetType = UNSET
    client: ShortText | UnsetType = UNSET
    issued_before: Moment | UnsetType = UNSET
    ttl: Annotated[float, Meta(gt=0, le=MAX_TTL_S)] | UnsetType = UNSET

    def __post_init__(self) -> None:
        named = (self.user, self.session, self.token, self.client)
        if sum(each is not UNSET for each in named) != 1:
            raise ValueError("give one of user, session, token and client")


class Revoked(Answer, frozen=True):
    """``clients`` were cut on the node that was asked; the others cut theirs within a second."""

    clients: int
    issued_before: float
    expires_at: float


class Done(Answer, frozen=True):
    """It was done, and there is no more to say."""


# --- many at once -------------------------------------------------------------------------------

SingleCall: TypeAlias = (
    Publish
    | Broadcast
    | Signal
    | History
    | Latest
    | Presence
    | Channels
    | Connections
    | Top
    | Disconnect
    | Subscribe
    | Unsubscribe
    | Revoke
)


class Batch(Call, frozen=True, kw_only=True, tag="batch"):
    """Many calls in one request; each is begun in the order given, and ends for itself."""

    commands: Annotated[list[SingleCall], Meta(min_length=1, max_length=MAX_BATCH)]


class Results(Answer, frozen=True):
    """In the order of what was asked: an answer, or ``{"code", "message"}`` where it failed."""

    results: list[Any]


class BroadcastResults(Answer, frozen=True):
    """In the order of the channels: a position, or a failure."""

    results: list[Any]


CALLS: dict[type[Call], type[Answer]] = {
    Publish: Published,
    Broadcast: BroadcastResults,
    Signal: Done,
    History: HistoryPage,
    Latest: LatestEntries,
    Presence: PresenceList,
    Channels: ChannelList,
    Connections: ConnectionList,
    Top: TopList,
    Disconnect: Affected,
    Subscribe: Affected,
    Unsubscribe: Affected,
    Revoke: Revoked,
    Batch: Results,
}
"""Every call, and what it is answered."""


def method_of(call: type[Call]) -> str:
    """The last part of its path."""
    return str(call.__struct_config__.tag)
