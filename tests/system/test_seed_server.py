"""The founding document's server and ours, asked the same: whatever it says, ours says too.

The document's server runs as it is written, under Node. One conversation is held with each.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from tests.support.node import NodeProcess
from tests.support.processes import ServerProcess, free_port
from tests.support.wire import RawConnection

Message: TypeAlias = dict[str, Any]
Told: TypeAlias = dict[str, list[Message]]

PLAY_SERVER = Path(__file__).parent / "seed" / "play-server.js"
A_MINUTE_MS = 60_000


class Participant:
    """One client of either server, and everything it was told."""

    def __init__(self, port: int) -> None:
        self.connection = RawConnection(port)
        assert self.connection.handshake(path="/").status == 101
        self.told: list[Message] = []
        self.id = self.until("connected")["userId"]

    def until(self, type_: str, **fields: object) -> Message:
        while True:
            message = self.connection.receive()
            self.told.append(message)
            if message["type"] == type_ and fields.items() <= message.items():
                return message

    def leave(self) -> None:
        self.connection.socket.close()


def converse(port: int) -> Told:
    """Ada is there, Bob comes; both talk, Bob pings and goes. What each was told."""
    ada = Participant(port)
    bob = Participant(port)
    ada.until("user_joined", userId=bob.id)
    for speaker, text in ((ada, "Hello, world!"), (bob, "Grüße <b>&</b> 🌊")):
        speaker.connection.send_json({"type": "chat", "text": text, "from": "forged"})
        ada.until("chat")
        bob.until("chat")
    bob.connection.send_json({"type": "ping"})
    bob.until("pong")
    bob.leave()
    ada.until("user_left")
    ada.leave()
    names = {ada.id: "Ada's id", bob.id: "Bob's id"}
    return {"Ada": _readable(ada, names), "Bob": _readable(bob, names)}


def _readable(participant: Participant, names: dict[str, str]) -> list[Message]:
    """What it was told about others and in answer, with ids and times that can be compared.

    The document's server also tells a newcomer of its own coming; that is left out here.
    """
    own_coming = {"type": "user_joined", "userId": participant.id}
    others = [it for it in participant.told if not own_coming.items() <= it.items()]
    return [{key: _meaning(value, names) for key, value in it.items()} for it in others]


def _meaning(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, str):
        return names.get(value, value)
    is_now = type(value) is int and abs(value - time.time() * 1000) < A_MINUTE_MS
    return "now, in ms" if is_now else value


@contextmanager
def documents_server() -> Iterator[int]:
    with NodeProcess(PLAY_SERVER, (str(free_port()),)) as server:
        yield server.expect("listening")


@pytest.fixture(scope="module")
def theirs() -> Told:
    with documents_server() as port:
        return converse(port)


@pytest.fixture(scope="module")
def ours() -> Told:
    with ServerProcess(command="demo") as server:
        return converse(server.port)


@pytest.mark.parametrize("who", ["Ada", "Bob"])
def test_our_server_tells_the_same_events_in_the_same_order(
    ours: Told, theirs: Told, who: str
) -> None:
    assert [it["type"] for it in ours[who]] == [it["type"] for it in theirs[who]]


@pytest.mark.parametrize("who", ["Ada", "Bob"])
def test_every_field_of_the_documents_server_is_in_ours(ours: Told, theirs: Told, who: str) -> None:
    for our, their in zip(ours[who], theirs[who], strict=True):
        assert {key: our.get(key) for key in their} == their


def test_the_conversation_was_one_worth_comparing(theirs: Told) -> None:
    assert [it["type"] for it in theirs["Ada"]] == [
        "connected", "user_joined", "chat", "chat", "user_left",
    ]  # fmt: skip
    assert theirs["Ada"][2]["from"] == "Ada's id"
    assert theirs["Ada"][2]["timestamp"] == "now, in ms"


def test_a_foreign_origin_is_refused_before_the_upgrade_and_not_after_it() -> None:
    """Catalogue 9. The document closes with 4001 after the 101; we answer 403 instead of it."""
    with ServerProcess(command="demo") as server, server.connect() as connection:
        answer = connection.handshake(("Origin", "https://elsewhere.example"), path="/")
    assert answer.status == 403
