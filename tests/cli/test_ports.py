import socket
from collections.abc import Iterator

import pytest

from tidewire.cli.ports import next_free_port, why_not_free
from tidewire.errors import StartFailed

HOST = "127.0.0.1"


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server((HOST, 0)) as occupant:
        yield occupant.getsockname()[1]


def test_a_taken_port_is_named_in_one_sentence(taken: int) -> None:
    assert why_not_free(HOST, taken) == f"port {taken} of {HOST} is taken"


def test_asking_about_a_free_port_leaves_it_free() -> None:
    assert why_not_free(HOST, 0) is None
    assert why_not_free("[::1]", 0) in (
        None,
        "cannot listen on [::1] port 0: Address not available",
    )


def test_an_address_of_another_machine_cannot_be_listened_on() -> None:
    reason = why_not_free("192.0.2.1", 0)
    assert reason is not None
    assert reason.startswith("cannot listen on 192.0.2.1 port 0: ")


def test_no_free_port_among_those_tried_is_a_sentence(taken: int) -> None:
    with pytest.raises(StartFailed, match=f"port {taken} of {HOST} is taken"):
        next_free_port(HOST, taken, tries=1)
