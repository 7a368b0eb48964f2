"""Commands and their answers: no more unanswered than the server lets, questions first."""

from __future__ import annotations

from typing import Any

from tidewire.client.exchange import Answer, Exchange
from tidewire.client.outgoing import Outcome, Outgoing, QueueLimits
from tidewire.messages import Pong, Position, Published
from tidewire.testing.clock import FakeClock


class Line:
    """An exchange whose commands are only noted."""

    def __init__(self, limit: int = 2) -> None:
        self.sent: list[dict[str, Any]] = []
        self.outgoing = Outgoing(QueueLimits(), FakeClock().monotonic)
        self.exchange = Exchange(self.sent.append, self.outgoing)
        self.exchange.limit = limit
        self.exchange.user_id = "ann"
        self.answers: list[Answer | None] = []

    def ask(self, *kinds: str) -> None:
        for kind in kinds:
            self.exchange.ask({"type": kind}, self.answers.append)

    def publish(self, settle: list[Outcome]) -> None:
        self.outgoing.add({"type": "publish"}, 1, settle.append)
        self.exchange.pump()

    @property
    def kinds(self) -> list[str]:
        return [command["type"] for command in self.sent]


def test_no_more_wait_for_their_answers_than_may() -> None:
    line = Line(limit=2)
    line.ask("a", "b", "c")
    assert line.kinds == ["a", "b"]
    line.exchange.answered(line.sent[0]["id"], Pong())
    assert line.kinds == ["a", "b", "c"]


def test_publications_count_too_and_come_after_questions() -> None:
    line, ends = Line(limit=1), list[Outcome]()
    line.ask("a")
    line.publish(ends)
    line.ask("b")
    line.exchange.answered(line.sent[0]["id"], Pong())
    line.exchange.answered(line.sent[1]["id"], Pong())
    assert line.kinds == ["a", "b", "publish"]
    answer = Published(channel="c", epoch="e", seq=1, tag="t")
    line.exchange.answered(line.sent[2]["id"], answer)
    assert ends == [Position("e", 1, "t")]
    assert not line.exchange.is_waiting


def test_nothing_is_published_before_the_server_has_said_who_we_are() -> None:
    line = Line()
    line.exchange.user_id = ""
    line.publish([])
    assert line.kinds == []


def test_whoever_waits_is_told_when_the_connection_is_lost() -> None:
    line, ends = Line(limit=1), list[Outcome]()
    line.ask("a", "b")
    line.exchange.lost()
    assert line.answers == [None, None]
    assert ends == []


def test_an_answer_to_nothing_is_ignored() -> None:
    line = Line()
    line.exchange.answered(77, Pong())
    line.exchange.answered("other", Pong())
    assert line.answers == []
