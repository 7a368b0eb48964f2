"""Who is in one channel."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from tidewire.presence import Roster
from tidewire.security.user import User

ANN, BOB = User("ann"), User("bob")


def test_only_the_first_client_of_a_user_is_an_arrival() -> None:
    roster = Roster()
    assert [roster.enter(ANN), roster.enter(ANN), roster.enter(BOB)] == [True, False, True]


def test_only_the_last_client_of_a_user_is_a_departure() -> None:
    roster = Roster()
    for _ in range(3):
        roster.enter(ANN)
    assert [roster.leave("ann") for _ in range(3)] == [False, False, True]


def test_users_are_listed_once_and_in_the_order_of_their_arrival() -> None:
    roster = Roster()
    for user in (BOB, ANN, BOB):
        roster.enter(user)
    assert (list(roster), len(roster), roster.clients) == ([BOB, ANN], 2, 3)


def test_a_user_who_was_never_here_cannot_leave() -> None:
    roster = Roster()
    assert not roster.leave("nobody")
    assert roster.clients == 0


def test_who_is_leaving_is_here_until_it_expires() -> None:
    roster = Roster()
    roster.enter(ANN)
    assert roster.leave("ann", departure=1)
    assert (list(roster), roster.clients) == ([ANN], 0)
    assert roster.expire("ann", 1)
    assert list(roster) == []


def test_who_comes_back_does_not_expire_and_is_no_arrival() -> None:
    roster = Roster()
    roster.enter(ANN)
    roster.leave("ann", departure=1)
    assert not roster.enter(ANN)
    assert not roster.expire("ann", 1)
    roster.leave("ann", departure=2)
    assert not roster.expire("ann", 1)
    assert roster.expire("ann", 2)


def test_a_state_is_one_clients_and_gone_with_it() -> None:
    roster = Roster()
    assert not roster.set_state("ann", "c1", b"1")
    roster.set_state("ann", "c2", b"2")
    assert roster.set_state("ann", "c1", None)
    assert roster.states("ann") == {"c2": b"2"}
    assert not roster.set_state("ann", "c1", None)


@given(st.lists(st.tuples(st.booleans(), st.sampled_from(["ann", "bob", "cyd"]))))
def test_arrivals_and_departures_agree_with_a_plain_count(steps: list[tuple[bool, str]]) -> None:
    roster, clients = Roster(), Counter[str]()
    for enters, user_id in steps:
        if enters:
            assert roster.enter(User(user_id)) == (clients[user_id] == 0)
            clients[user_id] += 1
        else:
            assert roster.leave(user_id) == (clients[user_id] == 1)
            clients[user_id] = max(0, clients[user_id] - 1)
        assert {each.id for each in roster} == {name for name, n in clients.items() if n}
        assert roster.clients == clients.total()
