"""Session: what one client may ask, and when.

Knows messages, errors and the rules of channels. Opens no socket, reads no
clock, starts no task: commands go in, refusals come out, and what is allowed is
the node's to do.
"""

from __future__ import annotations

from typing import Final

from msgspec import UNSET, Struct, UnsetType

from tidewire.channels.options import Action, is_allowed
from tidewire.channels.patterns import Found, covers
from tidewire.errors import CommandRefused
from tidewire.messages import Limits, Position
from tidewire.security.rates import Rate, SharedBuckets, StrikePolicy, Strikes, TokenBucket
from tidewire.security.user import User

MAX_WRITINGS = 128
"""Channels in which a client's publications are rated one by one; as many as it may subscribe to.
Beyond, the one it wrote to first is looked up anew: its burst is back after 128 others."""


class SessionLimits(Struct, frozen=True):
    """What one client may do; the numbers' reasons are in ``config.settings``."""

    publications: Rate
    frames: Rate
    publication_bytes: Rate = Rate(256 * 1024, 512 * 1024)
    subscribes: Rate = Rate(50, 256)
    refusals: int = 20
    max_message_bytes: int = 64 * 1024
    subscriptions: int = 128
    unanswered_ids: int = 64

    def told(self) -> Limits:
        """The same, as a client is told it."""
        return Limits(
            max_message_bytes=self.max_message_bytes,
            publications_per_second=self.publications.per_second,
            publication_bytes_per_second=self.publication_bytes.per_second,
            frames_per_second=self.frames.per_second,
            subscriptions=self.subscriptions,
            unanswered_ids=self.unanswered_ids,
        )


class Writing:
    """One client's writing in one channel: found once, not for every message of it.

    ``is_plain`` where nothing but its rates has to be looked at any more.
    """

    __slots__ = ("found", "is_plain", "rate")

    def __init__(self, found: Found, *, is_plain: bool) -> None:
        self.found = found
        self.is_plain = is_plain
        rate = found.options.publish_rate
        self.rate = None if rate is None else TokenBucket(rate)


_NO_WRITINGS: Final[dict[str, Writing]] = {}
"""Shared by all who have not written yet, and never changed: a dict for each would be 64 bytes."""


class Session:
    """One client: who it is, what it is subscribed to, and what it has used of its limits.

    Slots, and buckets made on first use: an idle client costs some 300 bytes.
    """

    __slots__ = ("_limits", "_publication_bytes", "_publications", "_strikes", "_subscribes",
                 "_user_rate", "client_id", "is_welcome", "subscriptions", "unanswered", "unasked",
                 "user", "writings")  # fmt: skip

    def __init__(self, client_id: str, user: User, limits: SessionLimits) -> None:
        self.client_id = client_id
        self.user = user
        self.is_welcome = False  # from its greeting to its end
        self.subscriptions: dict[str, Position] = {}  # channel -> live from after here
        self.unasked: set[str] | None = None  # of these, what the server subscribed it to by name
        self.writings = _NO_WRITINGS
        self.unanswered = 0
        self._limits = limits
        self._publications: TokenBucket | None = None
        self._publication_bytes: TokenBucket | None = None
        self._strikes: Strikes | None = None
        self._subscribes: TokenBucket | None = None
        self._user_rate: TokenBucket | None = None  # shared by the user's clients

    # -- rules ---------------------------------------------------------------------------------

    def may(self, action: Action, found: Found) -> bool | None:
        """Whether this client may do ``action`` there; None where the application is to say.

        A channel of somebody's own is closed to all others, except for writing.
        """
        if action != "publish" and not found.is_open_to(self.user.id):
            return False
        access = found.options.access(action)
        if access == "hook":
            return None
        if access == "subscribers":
            return found.name in self.subscriptions
        if access == "token":
            return self._has_capability(action, found.name)
        return is_allowed(access, is_anonymous=self.user.is_anonymous)

    def _has_capability(self, action: Action, channel: str) -> bool:
        return any(
            action in actions and covers(pattern, channel)
            for pattern, actions in self.user.capabilities
        )

    def check_subscribe(self, channel: str, now: float) -> None:
        """Raise ``CommandRefused`` unless this client may have one more subscription, and now.

        One command may name 128 channels, each of which is a read of the log: at the
        rate of frames alone a client could ask for 25,000 a second.
        """
        if self._subscribes is None:
            self._subscribes = TokenBucket(self._limits.subscribes)
        wait_s = self._subscribes.take(now)
        if wait_s:
            raise rate_limited("subscribes", wait_s)
        is_new = channel not in self.subscriptions
        if is_new and len(self.subscriptions) >= self._limits.subscriptions:
            raise CommandRefused("limit", f"at most {self._limits.subscriptions} subscriptions")

    def check_subscribed(self, channel: str) -> None:
        if channel not in self.subscriptions:
            raise CommandRefused("not_subscribed", "subscribe to the channel first")

    def take_refreshed(self, user: User) -> None:
        """Go on with a newer token; raise ``CommandRefused`` where it is somebody else's.

        Whether it may still write where it has written is looked up anew where it may
        not; elsewhere its rate goes on.
        """
        if user.id != self.user.id:
            raise CommandRefused("forbidden", "the token is another user's")
        self.user = user
        self.writings = self._allowed(self.writings)

    def go_on_from(self, before: Session) -> None:
        """Count on from what ``before``, of the same client, has used of its limits."""
        self._publications = before._publications
        self._publication_bytes = before._publication_bytes
        self.writings = self._allowed(before.writings)

    def _allowed(self, writings: dict[str, Writing]) -> dict[str, Writing]:
        return {
            name: each
            for name, each in writings.items()
            if self.may("publish", each.found) is not False
        }

    # -- writing -------------------------------------------------------------------------------

    def begin_writing(self, found: Found, *, is_plain: bool) -> Writing:
        """Remember where this client writes."""
        if not self.writings:
            self.writings = {}
        elif len(self.writings) >= MAX_WRITINGS:
            del self.writings[next(iter(self.writings))]
        writing = self.writings[found.name] = Writing(found, is_plain=is_plain)
        return writing

    def check_rates(self, writing: Writing, of_users: SharedBuckets[str], now: float) -> None:
        """Raise ``CommandRefused`` where this client, or its user, has written too much of late."""
        bucket = self._publications
        if bucket is None:
            bucket = self._publications = TokenBucket(self._limits.publications)
        wait_s = bucket.take(now)
        if wait_s:
            raise rate_limited("publications", wait_s)
        if writing.rate is not None and (wait_s := writing.rate.take(now)):
            raise rate_limited("publications in this channel", wait_s)
        bucket = self._user_rate
        if bucket is None:
            bucket = self._user_rate = of_users.bucket(self.user.id, now)
        wait_s = bucket.take(now)
        if wait_s:
            raise rate_limited("publications of this user", wait_s)

    def check_publication_bytes(self, count: int, now: float) -> None:
        """Raise ``CommandRefused`` where so many bytes are too much on top of the last ones."""
        bucket = self._publication_bytes
        if bucket is None:
            bucket = self._publication_bytes = TokenBucket(self._limits.publication_bytes)
        wait_s = bucket.take_many(now, count)
        if wait_s:
            raise rate_limited("bytes", wait_s)

    # -- accounts ------------------------------------------------------------------------------

    def ask(self) -> None:
        """Count a command that wants an answer later; refuse it where too many are waiting."""
        if self.unanswered >= self._limits.unanswered_ids:
            raise CommandRefused("limit", f"at most {self._limits.unanswered_ids} unanswered ids")
        self.unanswered += 1

    def answered(self, command_id: int | str | UnsetType) -> None:
        if command_id is not UNSET:
            self.unanswered -= 1

    def strike(self, now: float) -> bool:
        """Count a broken limit; whether the client has used up our patience."""
        if self._strikes is None:
            self._strikes = Strikes(StrikePolicy(refusals=self._limits.refusals))
        return self._strikes.strike(now)

    def is_expired(self, now: float) -> bool:
        """Whether the token has run out, by the wall clock's ``now``."""
        return self.user.expires_at is not None and now >= self.user.expires_at


def rate_limited(what: str, wait_s: float) -> CommandRefused:
    return CommandRefused("rate_limited", f"too many {what}", retry_after_s=wait_s)


def forbidden() -> CommandRefused:
    """One answer for "no such channel" and "not for you", so that names cannot be probed."""
    return CommandRefused("forbidden", "not allowed in this channel")
