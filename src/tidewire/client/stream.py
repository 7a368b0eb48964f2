"""Stream: one channel as a reader sees it: in order, each entry once, or told what is missing.

Pure. It knows the position, drops what it has, notices a hole, says from where to
read the history to repair it, and tells a gap where nobody can. It opens no
connection and sends nothing: ``ask`` and ``hole`` say what to send.
"""

from __future__ import annotations

from collections import deque
from typing import Any, TypeAlias

from msgspec import Struct

from tidewire import messages
from tidewire.client.events import Gap, How, Skip
from tidewire.client.reading import Arrived, Page
from tidewire.messages import Position

MAX_HELD = 1_000
"""Live entries kept while the past is read. Further ones are left for the next repair."""


class Delivery(Struct, frozen=True):
    """An entry whose turn it is."""

    arrived: Arrived
    epoch: str
    how: How


Told: TypeAlias = Delivery | Gap | Skip

_Held: TypeAlias = Arrived | messages.Skipped


class Stream:
    """One channel's, over all connections one after the other."""

    def __init__(
        self, channel: str, *, since: Position | None = None, rewind: int | None = None
    ) -> None:
        self.channel = channel
        self.position = since
        self.grant: str | None = None
        """Proof, for the next subscribe, that the application let this client in."""

        self._rewind = rewind
        self._is_live = False
        self._is_asked = False
        self._is_aside = False
        self._is_repairing = False
        self._has_told_gap = False
        self._unread: Position | None = None
        self._held: deque[_Held] = deque()

    # -- subscribing ---------------------------------------------------------------------------

    def ask(self, head: Position | None = None) -> dict[str, Any]:
        """The fields of the ``subscribe`` to send now: from where it stands, without a hole.

        ``head`` is how far the server has sent us the channel already, unasked and unread:
        it will not send that again, so that it is read from history.
        """
        self.disconnected()
        self._is_asked = True
        self._unread = head
        if self.position is None and self._rewind is None:
            self.position = head
        fields: dict[str, Any] = {"channel": self.channel}
        if self.position is not None:
            fields["since"] = self.position
        elif self._rewind is not None:
            fields["rewind"] = self._rewind
        if self.grant is not None:
            fields["grant"] = self.grant
        return fields

    def disconnected(self) -> None:
        """The subscription is gone; the position stays."""
        self._is_live = self._is_asked = self._is_aside = self._is_repairing = False
        self._has_told_gap = False
        self._held.clear()

    def subscribed(self, page: Page) -> list[Told]:
        """A page of the answer, its last one, or the server's own doing."""
        if page.grant is not None:
            self.grant = page.grant
        if page.id is None and not page.more:
            return self._subscribed_unasked(page)
        if not self._is_asked:
            return []
        told = self._take_page(page)
        return told if page.more else told + self._go_live(page)

    def _take_page(self, page: Page) -> list[Told]:
        own = self.position
        is_other = own is not None and own.epoch != page.position.epoch
        told = self._tell_gap(page) if page.recovery == "gap" or is_other else []
        if page.snapshot:  # counts when it is whole: half of it is nowhere to go on from
            return told + [self._delivery(each, page, "snapshot") for each in page.entries]
        if own is None or told:
            told += [self._delivery(each, page, "recovered") for each in page.entries]
            self.position = page.position
            return told
        told += self._take_recovered(page)
        self._reach(page.position)
        return told

    def _tell_gap(self, page: Page) -> list[Told]:
        """Once for each subscribe, however many pages say so."""
        if self._has_told_gap:
            return []
        self._has_told_gap = True
        return [Gap(self.channel, page.position)]

    def _take_recovered(self, page: Page) -> list[Told]:
        """What follows our position; entries left out of a page are its server's word."""
        told: list[Told] = []
        for each in page.entries:
            own = self.position
            place = each.envelope
            if own is None or place.seq > own.seq:
                self.position = Position(page.position.epoch, place.seq, place.tag)
                told.append(self._delivery(each, page, "recovered"))
        return told

    def _go_live(self, page: Page) -> list[Told]:
        """After the last page: what was held back meanwhile, then everything as it comes."""
        self._is_asked, self._is_live = False, True
        if page.snapshot:
            self.position = page.position
        own, unread = self.position, self._unread
        if own is not None and unread is not None and own.epoch == unread.epoch:
            self._is_repairing = own.seq < unread.seq
        return self._release()

    def _subscribed_unasked(self, page: Page) -> list[Told]:
        """The server subscribed us: we go on from our own position, if we have one."""
        if self._is_asked:  # our own subscribe will be answered, from our own position
            return []
        own, self._is_live = self.position, True
        if own is None:
            self.position = page.position
            how: How = "snapshot" if page.snapshot else "recovered"
            return [self._delivery(each, page, how) for each in page.entries]
        if own.epoch != page.position.epoch:
            self.position = page.position
            return [Gap(self.channel, page.position)]
        self._is_repairing = self._is_repairing or page.position.seq > own.seq
        return []

    # -- live ----------------------------------------------------------------------------------

    def entry(self, arrived: Arrived) -> list[Told]:
        """A live entry."""
        return self._live(arrived)

    def skipped(self, event: messages.Skipped) -> list[Told]:
        """Entries that are left out: their place in the order is theirs all the same."""
        return self._live(event)

    def lost(self, event: messages.Lost) -> list[Told]:
        """The server says that the log cannot be followed without a hole."""
        self._held.clear()
        self._is_repairing = self._is_aside = False
        self.position = Position(event.epoch, event.seq, event.tag)
        return [Gap(self.channel, self.position)]

    def _live(self, item: _Held) -> list[Told]:
        if self._is_asked or self._is_repairing:
            if len(self._held) < MAX_HELD:
                self._held.append(item)
            return []
        if not self._is_live or self._is_aside:
            return []
        return self._take(item)

    def _take(self, item: _Held) -> list[Told]:
        own = self.position
        if own is None or item.last <= own.seq:
            return []
        if item.first > own.seq + 1:
            self._is_repairing = True
            self._held.appendleft(item)
            return []
        if isinstance(item, messages.Skipped):
            self.position = Position(own.epoch, item.last)
            return [Skip(self.channel, item.first, item.last, item.reason)]
        self.position = Position(own.epoch, item.envelope.seq, item.envelope.tag)
        return [Delivery(item, own.epoch, "live")]

    def _release(self) -> list[Told]:
        """What was held back, as far as it follows without a hole."""
        told: list[Told] = []
        while self._held and not self._is_repairing:
            told += self._take(self._held.popleft())
        return told

    # -- repairing -----------------------------------------------------------------------------

    @property
    def hole(self) -> Position | None:
        """Where something is missing, to be read from history: None where nothing is."""
        return self.position if self._is_repairing else None

    def set_aside(self) -> None:
        """The reader is too far behind to hold more: what comes now is read from history later."""
        self._is_aside = True

    def catch_up(self) -> None:
        """The reader has room again."""
        if self._is_aside:
            self._is_aside, self._is_repairing = False, self._is_live

    def repaired(self, page: Page | None) -> list[Told]:
        """What history says about ``hole``; None where it may not be read."""
        own = self.position
        if not self._is_repairing or own is None:
            return []
        if page is None or page.recovery == "gap" or page.position.epoch != own.epoch:
            return self._give_up(page)
        told = self._take_recovered(page)
        if page.more:
            return told if told else self._give_up(page)
        self._reach(page.position)
        self._is_repairing = False
        told += self._release()
        if self._is_repairing and self.position == own:  # history does not have it either
            told += self._give_up(None)
        return told

    def _give_up(self, page: Page | None) -> list[Told]:
        """Nobody can tell what is missing: that is said, and the stream goes on behind it."""
        own = self.position
        self._is_repairing = False
        if page is not None and own is not None and page.position.epoch != own.epoch:
            self._held.clear()
            self.position = page.position
        elif self._held and own is not None:
            self.position = Position(own.epoch, self._held[0].first - 1)
        elif page is not None:
            self.position = page.position
        if self.position is None:
            return []
        return [Gap(self.channel, self.position), *self._release()]

    # -- places --------------------------------------------------------------------------------

    def _reach(self, position: Position) -> None:
        """It is whole up to here, says the server."""
        own = self.position
        if own is None or own.epoch != position.epoch or own.seq < position.seq:
            self.position = position

    def _delivery(self, arrived: Arrived, page: Page, how: How) -> Delivery:
        return Delivery(arrived, page.position.epoch, how)
