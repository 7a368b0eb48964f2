"""Reading: pages of a channel's history, for whoever may read it."""

from __future__ import annotations

from tidewire.engines.base import Engine, Page, Query
from tidewire.history.log import Gap
from tidewire.messages import History, HistoryPage, Position, Publication, Recovery
from tidewire.node.answers import Answers
from tidewire.node.pages import first_page, last_page
from tidewire.node.peer import Peer
from tidewire.node.permissions import Permissions


class Reader:
    """Answers ``history``."""

    def __init__(self, engine: Engine, permissions: Permissions, answers: Answers) -> None:
        self._engine = engine
        self._permissions = permissions
        self._answers = answers

    def history(self, peer: Peer, command: History) -> None:
        self._permissions.check(peer.session, "history", command.channel)
        self._answers.run(peer, command.id, lambda: self._answer(peer, command))

    async def _answer(self, peer: Peer, command: History) -> None:
        found = await self._permissions.may(peer, "history", command.channel)
        await peer.drained()  # one page of the past on its way at a time
        page = await self._engine.read(command.channel, found.options, _query(command))
        peer.send(_history(command, page))


def _query(command: History) -> Query:
    """One entry more than is shown, to see whether there is more."""
    return Query(command.since, command.before, command.limit + 1, command.reverse)


def _history(command: History, page: Page) -> HistoryPage:
    if isinstance(page.found, Gap):
        return _page(command, page.head, "gap", [])
    entries = page.found.entries
    shown = _shown(command, entries)
    newest = max(shown, key=lambda entry: entry.seq, default=None)
    reached = page.head
    if newest is not None:
        reached = Position(page.head.epoch, newest.seq, newest.tag)
    is_plain = command.since is None and command.before is None
    recovery: Recovery = "none" if is_plain else "complete"
    more = len(shown) < len(entries) and not (is_plain and not command.reverse)
    return _page(command, reached, recovery, shown, more=more)


def _shown(command: History, entries: list[Publication]) -> list[Publication]:
    """At most ``limit`` of them and a page, from the end that was asked for."""
    if command.since is not None or command.reverse:
        return first_page(entries[: command.limit])
    return last_page(entries[-command.limit :])


def _page(
    command: History,
    position: Position,
    recovery: Recovery,
    messages: list[Publication],
    *,
    more: bool = False,
) -> HistoryPage:
    return HistoryPage(
        id=command.id,
        channel=command.channel,
        epoch=position.epoch,
        seq=position.seq,
        tag=position.tag,
        recovery=recovery,
        messages=messages,
        more=more,
    )
