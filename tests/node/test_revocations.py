"""Revocations on a node: who is cut, and what the engine keeps."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

from tests.support.asynchronous import run
from tests.support.loops import drive
from tests.support.peers import FakePeer
from tests.support.stages import Stage
from tidewire.errors import CommandRefused, EngineUnavailable
from tidewire.history.latest import MAX_KEYS
from tidewire.messages import Publication
from tidewire.node.revocations import CHANNELS, OPTIONS, Cut, RevocationBook, channel_of
from tidewire.security.revocation import MAX_REVOCATIONS, Revocation, Revocations, RevokedKind
from tidewire.security.user import User
from tidewire.websocket import close_codes

KEPT_S = 1_000.0


class Office:
    """A stage with a book of revocations that has been opened."""

    def __init__(self, stage: Stage | None = None, capacity: int = 100) -> None:
        self.stage = stage or Stage()
        self.revocations = Revocations(capacity)
        clock = self.stage.clock
        self.book = RevocationBook(self.stage.node, self.revocations, clock, KEPT_S)
        drive(self.book.start())

    def connect(self, user: str = "ada", **said: Any) -> FakePeer:
        issued_at = self.stage.clock.time() - 60
        return self.stage.connect(User(user, issued_at=issued_at, **said))

    def revoke(self, kind: RevokedKind, subject: str, **said: float) -> Cut:
        async def work() -> Cut:
            asking = asyncio.create_task(self.book.revoke(kind, subject, **said))
            await asyncio.sleep(0)
            self.stage.loop.settle()
            return await asking

        return run(work())

    def kept(self) -> dict[str | None, Publication]:
        snapshots = [drive(self.stage.engine.snapshot(name, OPTIONS)) for name in CHANNELS]
        return {entry.key: entry for each in snapshots for entry in each.entries}


def test_only_whom_it_names_is_cut_and_told_to_get_a_new_token() -> None:
    office = Office()
    ada, other, bob = office.connect(), office.connect(), office.connect("bob")
    assert office.revoke("user", "ada").clients == 2
    assert ada.closed == other.closed == close_codes.TOKEN_EXPIRED
    assert bob.closed is None


@pytest.mark.parametrize(
    ("kind", "said"), [("session", {"session_id": "x"}), ("token", {"token_id": "x"})]
)
def test_one_login_or_token_of_a_user_may_be_meant(kind: RevokedKind, said: dict[str, str]) -> None:
    office = Office()
    named, other = office.connect(**said), office.connect()
    assert office.revoke(kind, "x").clients == 1
    assert (named.closed is None, other.closed is None) == (False, True)


def test_who_came_in_with_a_later_token_stays() -> None:
    office = Office()
    ada = office.connect()
    office.revoke("user", "ada", issued_before=office.stage.clock.time() - 120)
    assert ada.closed is None


def test_it_is_kept_until_the_last_token_has_expired() -> None:
    office = Office()
    now = office.stage.clock.time()
    assert office.revoke("user", "ada").revocation == Revocation("user", "ada", now, now + KEPT_S)
    assert office.kept()["user:ada"].expires_at == int((now + KEPT_S) * 1000)


def test_a_node_that_starts_later_takes_over_what_is_kept() -> None:
    office = Office()
    office.revoke("user", "ada")
    later = Office(office.stage)
    assert later.revocations.is_revoked(User("ada"), None)


def test_what_another_node_revokes_is_in_force_here() -> None:
    office = Office()
    ada = office.connect()
    entry = Publication(
        channel_of("user:ada"), 0, "", 0, "", "",
        '{"kind":"user","subject":"ada","issued_before":9e9,"expires_at":9e9}', key="user:ada",
    )  # fmt: skip
    office.stage.node.publish(entry, OPTIONS, None)
    office.stage.loop.settle()
    assert ada.closed == close_codes.TOKEN_EXPIRED


def test_an_entry_that_cannot_be_read_stops_no_other(caplog: pytest.LogCaptureFixture) -> None:
    office = Office()
    entry = Publication(CHANNELS[0], 0, "", 0, "", "", "[]", key="x")
    office.stage.node.publish(entry, OPTIONS, None)
    office.stage.loop.settle()
    assert "an unreadable revocation" in caplog.text
    assert office.revoke("user", "ada").clients == 0


def test_a_clients_token_is_revoked_with_it() -> None:
    office = Office()
    ada = office.connect(token_id="t-1")
    office.revoke("client", ada.session.client_id)
    assert {"token:t-1", f"client:{ada.session.client_id}"} <= office.kept().keys()


def test_all_that_may_be_in_force_have_room_where_they_are_kept() -> None:
    """A channel's map holds 10,000 keys; the logouts of a year are more."""
    full = Counter(channel_of(f"session:{number}") for number in range(MAX_REVOCATIONS))
    assert max(full.values()) < MAX_KEYS


def test_one_too_many_is_said() -> None:
    office = Office(capacity=1)
    office.revoke("user", "ada")
    with pytest.raises(CommandRefused, match="at most 1"):
        office.revoke("user", "bob")


def test_without_the_engine_it_holds_here_and_is_to_be_repeated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    office = Office()
    ada = office.connect()
    monkeypatch.setattr(office.stage.engine, "submit", lambda *_: False)
    with pytest.raises(EngineUnavailable):
        office.revoke("user", "ada")
    assert ada.closed == close_codes.TOKEN_EXPIRED
    assert office.revocations.is_revoked(User("ada"), None)
