"""A ticket opens the door once, soon, and from where it was issued."""

from __future__ import annotations

import os
import re

import pytest

from tidewire.errors import HandshakeRefused
from tidewire.security.refusals import TokenRefused
from tidewire.security.tickets import TicketOffice
from tidewire.security.user import User

ALICE = User("alice")
ORIGIN = "https://app.example.com"


@pytest.fixture
def office() -> TicketOffice:
    return TicketOffice(os.urandom, ttl_s=30.0)


def _refusal(office: TicketOffice, ticket: str, origin: str | None, now: float) -> TokenRefused:
    with pytest.raises(TokenRefused) as caught:
        office.redeem(ticket, origin, now)
    return caught.value


def test_a_ticket_opens_the_door_once(office: TicketOffice) -> None:
    ticket = office.issue(ALICE, ORIGIN, now=0.0)
    assert office.redeem(ticket, ORIGIN, now=29.9) == ALICE
    assert _refusal(office, ticket, ORIGIN, now=29.9).code == "token_expired"


def test_a_ticket_of_another_page_is_refused_and_spent(office: TicketOffice) -> None:
    for elsewhere in ("https://evil.example", None):
        ticket = office.issue(ALICE, ORIGIN, now=0.0)
        _refusal(office, ticket, elsewhere, now=1.0)
        _refusal(office, ticket, ORIGIN, now=1.0)


def test_a_ticket_expires_and_is_forgotten(office: TicketOffice) -> None:
    ticket = office.issue(ALICE, ORIGIN, now=0.0)
    _refusal(office, ticket, ORIGIN, now=30.0)
    assert len(office) == 0


def test_a_clock_set_back_revives_no_ticket_and_breaks_nothing(office: TicketOffice) -> None:
    office.issue(ALICE, ORIGIN, now=1000.0)
    late = office.issue(ALICE, ORIGIN, now=0.0)
    _refusal(office, late, ORIGIN, now=30.0)


def test_every_refusal_of_a_ticket_reads_the_same(office: TicketOffice) -> None:
    """Catalogue 80: nobody learns whether a ticket ever existed."""
    elsewhere = office.issue(ALICE, ORIGIN, now=0.0)
    refusals = [
        _refusal(office, "never-issued", ORIGIN, now=0.0),
        _refusal(office, elsewhere, "https://evil.example", now=0.0),
        _refusal(office, "", ORIGIN, now=0.0),
    ]
    assert len({(str(refusal), refusal.status, refusal.code) for refusal in refusals}) == 1


def test_only_a_hash_of_a_ticket_is_kept(office: TicketOffice) -> None:
    """Catalogue 80: it is looked up by hash, so no time depends on how much was guessed."""
    ticket = office.issue(ALICE, ORIGIN, now=0.0)
    [kept] = office._kept
    assert len(kept) == 32
    assert ticket.encode() not in kept


def test_a_ticket_has_128_random_bits_and_fits_a_subprotocol(office: TicketOffice) -> None:
    tickets = {office.issue(ALICE, ORIGIN, now=0.0) for _ in range(100)}
    assert len(tickets) == 100
    assert all(re.fullmatch(r"[\w-]{22}", ticket, re.ASCII) for ticket in tickets)


def test_a_full_office_issues_no_more_and_voids_nothing() -> None:
    small = TicketOffice(os.urandom, capacity=2)
    first = small.issue(ALICE, ORIGIN, now=0.0)
    small.issue(ALICE, ORIGIN, now=0.0)
    with pytest.raises(HandshakeRefused) as caught:
        small.issue(ALICE, ORIGIN, now=29.0)
    assert (caught.value.status, caught.value.retry_after_s) == (503, 30.0)
    assert small.redeem(first, ORIGIN, now=29.0) == ALICE
    small.issue(ALICE, ORIGIN, now=29.0)
