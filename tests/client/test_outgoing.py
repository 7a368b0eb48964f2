"""Publications on their way: in order, bounded, and each with a truthful end."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewire.client.errors import ClientClosed, NotSent, OutcomeUnknown, QueueFull
from tidewire.client.outgoing import Outcome, Outgoing, QueueLimits
from tidewire.errors import CommandRefused, ErrorCode
from tidewire.messages import Failure, Position, Published
from tidewire.testing.clock import FakeClock


class Queue:
    """An ``Outgoing`` with a clock that stands, and what became of each publication."""

    def __init__(self, limits: QueueLimits | None = None) -> None:
        self.clock = FakeClock()
        self.outgoing = Outgoing(limits or QueueLimits(), self.clock.monotonic)
        self.ends: dict[str, Outcome] = {}
        self.ids: dict[int, str] = {}

    def add(self, *names: str, size_bytes: int = 10) -> None:
        for name in names:
            self.outgoing.add({"once": name}, size_bytes, lambda end, n=name: self._end(n, end))  # type: ignore[misc]

    def _end(self, name: str, outcome: Outcome) -> None:
        assert name not in self.ends, "a publication ends once"
        self.ends[name] = outcome

    def send(self, user_id: str = "ann") -> list[str]:
        """Send all that may be sent; the names."""
        sent = []
        while (command := self._next(user_id)) is not None:
            sent.append(command["once"])
        return sent

    def _next(self, user_id: str) -> dict[str, Any] | None:
        number = len(self.ids) + 1
        command = self.outgoing.next(number, user_id)
        if command is not None:
            self.ids[number] = command["once"]
        return command

    def publish(self, name: str) -> None:
        self._answer(name, Published(channel="c", epoch="e", seq=1, tag="t"))

    def refuse(self, name: str, code: ErrorCode = "forbidden") -> None:
        self._answer(name, Failure(code=code, message="no", retry_after=2.0))

    def _answer(self, name: str, answer: Published | Failure) -> None:
        [*_, number] = [each for each, sent in self.ids.items() if sent == name]
        self.outgoing.answered(number, answer)

    def kind(self, name: str) -> type:
        return type(self.ends[name])


def test_what_is_published_ends_with_its_position() -> None:
    queue = Queue()
    queue.add("a")
    assert queue.send() == ["a"]
    queue.publish("a")
    assert queue.ends == {"a": Position("e", 1, "t")}


def test_what_is_refused_is_nowhere_and_says_so() -> None:
    queue = Queue()
    queue.add("a")
    queue.send()
    queue.refuse("a")
    assert queue.kind("a") is CommandRefused


def test_after_a_broken_connection_what_was_not_answered_is_sent_again_in_its_order() -> None:
    queue = Queue()
    queue.add("a", "b", "c")
    queue.send()
    queue.publish("a")
    queue.outgoing.lost()
    queue.add("d")
    assert queue.send() == ["b", "c", "d"]


def test_a_refusal_after_an_unanswered_try_proves_nothing() -> None:
    queue = Queue()
    queue.add("a")
    queue.send()
    queue.outgoing.lost()
    queue.send()
    queue.refuse("a")
    assert queue.kind("a") is OutcomeUnknown


@pytest.mark.parametrize("code", ["rate_limited", "unavailable", "unknown_outcome"])
def test_in_doubt_it_is_repeated_when_the_server_says(code: ErrorCode) -> None:
    queue = Queue()
    queue.add("a")
    queue.send()
    queue.outgoing.lost()
    queue.send()
    queue.refuse("a", code)
    assert queue.send() == []
    queue.clock.advance(2.0)
    assert queue.send() == ["a"]


def test_a_guest_who_has_become_another_user_does_not_publish_it_twice() -> None:
    queue = Queue()
    queue.add("a", "b")
    queue.send("guest-1")
    queue.publish("b")
    queue.outgoing.lost()
    queue.add("c")
    assert queue.send("guest-2") == ["c"]
    assert queue.kind("a") is OutcomeUnknown


def test_what_waits_too_long_was_not_sent_or_is_unknown() -> None:
    queue = Queue(QueueLimits(age_s=60))
    queue.add("sent")
    queue.send()
    queue.add("not")
    queue.clock.advance(60)
    queue.outgoing.expire()
    assert (queue.kind("sent"), queue.kind("not")) == (OutcomeUnknown, NotSent)
    assert len(queue.outgoing) == 0


def test_closing_ends_everything_truthfully() -> None:
    queue = Queue()
    queue.add("sent")
    queue.send()
    queue.add("not")
    queue.outgoing.close(ClientClosed("closed here"))
    assert (queue.kind("sent"), queue.kind("not")) == (OutcomeUnknown, NotSent)


@pytest.mark.parametrize("limits", [QueueLimits(count=2), QueueLimits(size_bytes=20)])
def test_what_does_not_fit_is_refused_at_once_and_an_end_makes_room(limits: QueueLimits) -> None:
    queue = Queue(limits)
    queue.add("a", "b")
    with pytest.raises(QueueFull):
        queue.add("c")
    queue.send()
    queue.publish("a")
    queue.add("c")


def test_nothing_waits_so_long_that_a_server_has_forgotten_its_key() -> None:
    with pytest.raises(ValueError, match="240"):
        QueueLimits(age_s=300)


@given(st.lists(st.sampled_from(["add", "send", "lost", "publish", "refuse", "wait"]), max_size=60))
def test_under_any_events_everything_ends_once_and_no_known_end_is_a_guess(
    steps: list[str],
) -> None:
    queue = Queue(QueueLimits(count=5, age_s=20))
    tries: dict[str, int] = {}
    waiting: list[str] = []
    added: set[str] = set()
    for number, step in enumerate(steps):
        match step:
            case "add" if len(queue.outgoing) < 5:
                queue.add(f"m{number}")
                added.add(f"m{number}")
            case "send":
                sent = queue.send()
                tries |= {name: tries.get(name, 0) + 1 for name in sent}
                waiting += sent
            case "lost":
                queue.outgoing.lost()
                waiting.clear()
            case "publish" | "refuse" if waiting:
                name = waiting.pop(0)
                queue.publish(name) if step == "publish" else queue.refuse(name)
            case "wait":
                queue.clock.advance(7)
                queue.outgoing.expire()
                waiting = [name for name in waiting if name not in queue.ends]
    queue.outgoing.close(ClientClosed("over"))
    assert set(queue.ends) == added
    for name, end in queue.ends.items():
        if isinstance(end, NotSent):
            assert tries.get(name, 0) == 0
        if isinstance(end, CommandRefused):
            assert tries[name] == 1
