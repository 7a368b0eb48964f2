"""The history checker on histories made up: honest ones, and honest ones spoiled in one place."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.support.honest import CHANNEL, honest_history
from tidewire.messages import Position
from tidewire.testing import violations as found
from tidewire.testing.checker import check
from tidewire.testing.history import (
    Acknowledged,
    Asked,
    Barred,
    Disconnected,
    Failed,
    Gapped,
    Invoked,
    Message,
    Operation,
    Received,
    Skipped,
    Subscribed,
    from_lines,
    to_lines,
)
from tidewire.testing.violations import Violation

History = list[Operation]

HISTORIES = st.lists(st.integers(0, 35), max_size=120).map(honest_history)


@given(HISTORIES)
def test_an_honest_history_has_no_violation(history: History) -> None:
    assert [str(each) for each in check(history)] == []


@given(HISTORIES)
def test_a_history_kept_as_lines_is_the_same_history(history: History) -> None:
    assert from_lines(to_lines(history)) == history


# --- spoiled in one place ---------------------------------------------------------------------


def _live(history: History) -> list[int]:
    return _places(history, lambda each: isinstance(each, Received) and each.how == "live")


def _is_recovered(each: Operation) -> bool:
    return isinstance(each, Received) and each.how == "recovered"


def _places(history: History, is_it: Callable[[Operation], bool]) -> list[int]:
    return [place for place, each in enumerate(history) if is_it(each)]


def _followed(history: History) -> Iterator[tuple[int, int]]:
    """Places of two live entries in a row of one subscriber."""
    last: dict[str, int] = {}
    for place, each in enumerate(history):
        if isinstance(each, Received) and each.how == "live":
            if each.subscriber in last:
                yield last[each.subscriber], place
            last[each.subscriber] = place
        elif isinstance(each, Subscribed | Gapped | Skipped | Disconnected):
            last.pop(each.subscriber, None)


def _drop(history: History, draw: st.DataObject) -> History:
    pairs = list(_followed(history))
    victim, _ = draw.draw(st.sampled_from(pairs))
    return history[:victim] + history[victim + 1 :]


def _swap(history: History, draw: st.DataObject) -> History:
    pairs = list(_followed(history))
    one, other = draw.draw(st.sampled_from(pairs))
    spoiled = list(history)
    spoiled[one], spoiled[other] = history[other], history[one]
    return spoiled


def _repeat(history: History, draw: st.DataObject) -> History:
    victim = _pick(_live(history), draw)
    return [*history[: victim + 1], *history[victim:]]


def _invent(history: History, draw: st.DataObject) -> History:
    victim = _pick(_live(history), draw)
    return _changed(history, victim, message=Message("nobody", 1))


def _refuse_what_was_received(history: History, draw: st.DataObject) -> History:
    seen = {each.message for each in history if isinstance(each, Received)}
    victim = _pick(
        _places(history, lambda each: isinstance(each, Acknowledged) and each.message in seen), draw
    )
    said = history[victim]
    assert isinstance(said, Acknowledged)
    return [*history[:victim], Failed(CHANNEL, said.message), *history[victim + 1 :]]


def _bar(history: History, draw: st.DataObject) -> History:
    victim = history[_pick(_live(history), draw)]
    assert isinstance(victim, Received)
    return [Barred(CHANNEL, victim.subscriber), *history]


def _shorten_a_recovery(history: History, draw: st.DataObject) -> History:
    victim = _pick(_places(history, _is_recovered), draw)
    return history[:victim] + history[victim + 1 :]


def _tell_another_tag(history: History, draw: st.DataObject) -> History:
    """Of the last that were shown live, which the others have seen too, and the auditor."""
    victim = _pick(_live(history)[-3:], draw)
    return _changed(history, victim, tag="another")


def _acknowledge_somewhere_else(history: History, draw: st.DataObject) -> History:
    """Two messages are said to be where the auditor sees one."""
    last = history[-1]
    assert isinstance(last, Subscribed)
    seq = draw.draw(st.integers(1, last.position.seq))
    place = Position(last.position.epoch, seq, "lost")
    lost = Message("p9", 1)
    return [Invoked(CHANNEL, lost), Acknowledged(CHANNEL, lost, place), *history]


def _pick(places: list[int], draw: st.DataObject) -> int:
    return draw.draw(st.sampled_from(places))


def _changed(history: History, place: int, **fields: object) -> History:
    return [*history[:place], replace(history[place], **fields), *history[place + 1 :]]


SPOILERS: list[tuple[Callable[[History, st.DataObject], History], type[Violation]]] = [
    (_drop, found.Hole),
    (_swap, found.Disordered),
    (_repeat, found.Duplicate),
    (_invent, found.Phantom),
    (_refuse_what_was_received, found.Phantom),
    (_bar, found.Unauthorised),
    (_shorten_a_recovery, found.FalselyComplete),
    (_tell_another_tag, found.Diverged),
    (_acknowledge_somewhere_else, found.Missing),
]


@pytest.mark.parametrize(("spoil", "kind"), SPOILERS, ids=lambda each: each.__name__.strip("_"))
@given(HISTORIES, st.data())
def test_a_history_spoiled_in_one_place_has_that_violation(
    spoil: Callable[[History, st.DataObject], History],
    kind: type[Violation],
    history: History,
    draw: st.DataObject,
) -> None:
    assert kind in {type(each) for each in check(spoil(history, draw))}


# --- by hand ----------------------------------------------------------------------------------


def _position(seq: int, log: str = "t") -> Position:
    return Position("e", seq, f"{log}{seq}" if seq else "")


def _shown(who: str, *seqs: int, log: str = "t") -> History:
    return [
        Received(CHANNEL, who, "live", "e", seq, f"{log}{seq}", Message(log, seq)) for seq in seqs
    ]


def _sent(*numbers: int, log: str = "t") -> History:
    return [Invoked(CHANNEL, Message(log, number)) for number in numbers]


def _joined(who: str, seq: int) -> Operation:
    return Subscribed(CHANNEL, who, _position(seq), "none")


def _kinds(history: History) -> set[type[Violation]]:
    return {type(each) for each in check(history)}


FORK: History = [
    *_sent(1, 2, 3, 4),
    *_sent(2, 3, 4, log="n"),
    _joined("ann", 0),
    *_shown("ann", 1, 2, 3),
    _joined("bob", 0),
    *_shown("bob", 1),
    *_shown("bob", 2, 3, log="n"),
]
"""Two went different ways after the first entry: the log was lost and grew again."""


def test_a_log_in_two_versions_diverges() -> None:
    assert _kinds(FORK) == {found.Diverged}


def test_a_log_in_two_versions_is_honest_once_the_loss_was_announced() -> None:
    told = [Gapped(CHANNEL, "ann", _position(3, "n")), *_shown("ann", 4, log="n")]
    assert _kinds([*FORK, *told, *_shown("bob", 4, log="n")]) == set()


def test_a_recovery_that_goes_on_in_another_version_is_not_complete() -> None:
    """Catalogue 78: what a position without a tag cannot tell."""
    back = [
        Disconnected(CHANNEL, "ann"),
        Asked(CHANNEL, "ann", _position(3)),
        Subscribed(CHANNEL, "ann", Position("e", 3), "complete"),
        *_shown("ann", 4, log="n"),
        *_shown("bob", 4, log="n"),
    ]
    assert _kinds([*FORK, *back]) == {found.Diverged, found.FalselyComplete}


def test_what_was_acknowledged_before_a_complete_recovery_has_to_be_in_it() -> None:
    history = [
        *_sent(1, 2),
        Acknowledged(CHANNEL, Message("t", 2), _position(2)),
        Asked(CHANNEL, "ann", _position(0)),
        Received(CHANNEL, "ann", "recovered", "e", 1, "t1", Message("t", 1)),
        Subscribed(CHANNEL, "ann", _position(1), "complete"),
    ]
    assert [str(each) for each in check(history)] == [
        "missing: t/2 was acknowledged at room e/2/t2, where ann found the end of its log before it"
    ]


def test_one_publishers_messages_have_to_stand_in_its_own_order() -> None:
    history = [
        *_sent(1, 2),
        Acknowledged(CHANNEL, Message("t", 1), _position(2)),
        Acknowledged(CHANNEL, Message("t", 2), _position(1)),
    ]
    assert [str(each) for each in check(history)] == [
        "sender's order: t/1 stands behind t/2 in room"
    ]


def test_a_message_in_another_channel_than_it_was_sent_to_is_a_phantom() -> None:
    history = [Invoked("elsewhere", Message("t", 1)), _joined("ann", 0), *_shown("ann", 1)]
    assert [str(each) for each in check(history)] == [
        "phantom: ann received t/1 at room 1, which was sent to elsewhere"
    ]
