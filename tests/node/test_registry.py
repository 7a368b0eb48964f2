"""Who is connected, by client and by user."""

from __future__ import annotations

import sys

import pytest

from tests.support.peers import FakePeer
from tests.support.stages import Stage
from tidewire.node.registry import Clients


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_a_client_is_found_by_its_id_and_by_its_user(stage: Stage) -> None:
    clients, ann, bob = Clients(), stage.peer("ann"), stage.peer("bob")
    for peer in (ann, bob):
        clients.add(peer)
    assert clients.by_id(ann.session.client_id) is ann
    assert clients.of_user("bob") == [bob]
    assert list(clients) == [ann, bob]


@pytest.mark.parametrize("count", [1, 2, 5])
def test_all_clients_of_a_user_are_found_and_none_once_they_have_gone(
    stage: Stage, count: int
) -> None:
    clients, peers = Clients(), [stage.peer("ann") for _ in range(count)]
    for peer in peers:
        clients.add(peer)
    while peers:
        assert set(clients.of_user("ann")) == set(peers)
        clients.remove(peers.pop())
    assert clients.of_user("ann") == []
    assert len(clients) == 0


def test_removing_whoever_is_not_there_changes_nothing(stage: Stage) -> None:
    clients, here, gone = Clients(), stage.peer("ann"), stage.peer("ann")
    clients.add(here)
    clients.remove(gone)
    clients.remove(gone)
    assert clients.of_user("ann") == [here]


def test_it_may_be_changed_while_it_is_gone_through(stage: Stage) -> None:
    clients = Clients()
    for _ in range(5):
        clients.add(stage.peer())
    for peer in clients:
        clients.remove(peer)
    assert len(clients) == 0


def test_a_client_of_its_own_user_costs_two_entries_of_a_dictionary() -> None:
    """An idle connection is to stay below 3 KiB: no more than 150 bytes of it are for this."""
    stage, clients, count = Stage(), Clients(), 10_000
    peers: list[FakePeer] = [stage.peer(f"u{number}") for number in range(count)]
    for peer in peers:
        clients.add(peer)
    size = sys.getsizeof(clients._by_id) + sys.getsizeof(clients._of_user)
    assert size / count < 150


def test_the_node_knows_who_is_connected_from_the_beginning_to_the_end(stage: Stage) -> None:
    peer = stage.connect("ann")
    assert stage.node.clients.by_id(peer.session.client_id) is peer
    stage.leave(peer)
    assert len(stage.node.clients) == 0
