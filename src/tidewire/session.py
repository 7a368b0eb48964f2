"""Session: what one client may ask, and when.

Knows messages, errors and the rules of channels. Opens no socket, reads no
clock, starts no task: commands go in, refusals come out, and what is allowed is
the node's to do.
"""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType

from tidewire.channels.options import Access, ChannelOptions, is_allowed
from tidewire.errors import CommandRefused
from tidewire.messages import Limits, Position
from tidewire.security.rates import Rate, StrikePolicy, Strikes, TokenBucket
from tidewire.security.user import User


class SessionLimits(Struct, frozen=True):
    """What one client may do; the numbers' reasons are in ``config.settings``."""

    publications: Rate
    frames: Rate
    publication_bytes: Rate = Rate(256 * 1024, 512 * 1024)
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


class Session:
    """One client: who it is, what it is subscribed to, and what it has used of its limits.

    Slots, and buckets made on first use: an idle client costs some 300 bytes.
    """

    __slots__ = ("_limits", "_publication_bytes", "_publications", "_strikes", "client_id",
                 "subscriptions", "unanswered", "user")  # fmt: skip

    def __init__(self, client_id: str, user: User, limits: SessionLimits) -> None:
        self.client_id = client_id
        self.user = user
        self.subscriptions: dict[str, Position] = {}  # channel -> live from after here
        self.unanswered = 0
        self._limits = limits
        self._publications: TokenBucket | None = None
        self._publication_bytes: TokenBucket | None = None
        self._strikes: Strikes | None = None

    # -- rules ---------------------------------------------------------------------------------

    def check_publish(self, options: ChannelOptions | None, now: float) -> ChannelOptions:
        """Raise ``CommandRefused`` unless this client may publish there, now."""
        if options is None or not self._may(options.may_publish):
            raise _forbidden()
        bucket = self._publications
        if bucket is None:
            bucket = self._publications = TokenBucket(self._limits.publications)
        wait_s = bucket.take(now)
        if wait_s:
            raise rate_limited("publications", wait_s)
        return options

    def check_publication_bytes(self, count: int, now: float) -> None:
        """Raise ``CommandRefused`` where so many bytes are too much on top of the last ones."""
        bucket = self._publication_bytes
        if bucket is None:
            bucket = self._publication_bytes = TokenBucket(self._limits.publication_bytes)
        wait_s = bucket.take_many(now, count)
        if wait_s:
            raise rate_limited("bytes", wait_s)

    def check_subscribe(self, channel: str, options: ChannelOptions | None) -> ChannelOptions:
        """Raise ``CommandRefused`` unless this client may subscribe to one more channel."""
        allowed = self.check_read(options)
        is_new = channel not in self.subscriptions
        if is_new and len(self.subscriptions) >= self._limits.subscriptions:
            raise CommandRefused("limit", f"at most {self._limits.subscriptions} subscriptions")
        return allowed

    def check_read(self, options: ChannelOptions | None) -> ChannelOptions:
        """Raise ``CommandRefused`` unless this client may read there, live or from history."""
        if options is None or not self._may(options.may_subscribe):
            raise _forbidden()
        return options

    def check_subscribed(self, channel: str) -> None:
        if channel not in self.subscriptions:
            raise CommandRefused("not_subscribed", "subscribe to the channel first")

    def take_refreshed(self, user: User) -> None:
        """Go on with a newer token; raise ``CommandRefused`` where it is somebody else's."""
        if user.id != self.user.id:
            raise CommandRefused("forbidden", "the token is another user's")
        self.user = user

    def _may(self, access: Access) -> bool:
        return access == "anyone" or is_allowed(access, is_anonymous=self.user.is_anonymous)

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


def _forbidden() -> CommandRefused:
    """One answer for "no such channel" and "not for you", so that names cannot be probed."""
    return CommandRefused("forbidden", "not allowed in this channel")
