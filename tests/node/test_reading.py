"""Reading history: forwards, backwards, between two places, and never more than a page."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.peers import FakePeer
from tests.support.stages import Stage
from tidewire.node import pages

ROOM = "room:1"


@pytest.fixture
def stage() -> Stage:
    """Its room holds the entries 1 to 7, each saying its own number."""
    stage = Stage()
    speaker = stage.peer("speaker")
    for number in range(1, 8):
        stage.send(speaker, "publish", channel=ROOM, data=number)
    return stage


def _read(stage: Stage, **fields: Any) -> dict[str, Any]:
    peer: FakePeer = stage.peer("reader")
    return stage.ask(peer, "history", channel=ROOM, **fields)


def _place(seq: int) -> dict[str, Any]:
    return {"epoch": "e2", "seq": seq, "tag": f"t{seq}"}


@pytest.mark.parametrize(
    ("fields", "seqs", "more"),
    [
        ({}, [1, 2, 3, 4, 5, 6, 7], False),
        ({"limit": 3}, [5, 6, 7], False),
        ({"reverse": True}, [7, 6, 5, 4, 3, 2, 1], False),
        ({"reverse": True, "limit": 3}, [7, 6, 5], True),
        ({"since": _place(2)}, [3, 4, 5, 6, 7], False),
        ({"since": _place(2), "limit": 3}, [3, 4, 5], True),
        ({"since": _place(2), "limit": 3, "reverse": True}, [7, 6, 5], True),
        ({"before": _place(4)}, [1, 2, 3], False),
        ({"before": _place(4), "limit": 2}, [2, 3], True),
        ({"before": _place(4), "limit": 2, "reverse": True}, [3, 2], True),
        ({"since": _place(2), "before": _place(6)}, [3, 4, 5], False),
        ({"since": _place(7)}, [], False),
        ({"before": _place(1)}, [], False),
    ],
)
def test_history_answers_what_was_asked_for(
    stage: Stage, fields: dict[str, Any], seqs: list[int], more: bool
) -> None:
    answer = _read(stage, **fields)
    assert [each["seq"] for each in answer["messages"]] == seqs
    assert answer.get("more", False) is more
    assert answer["seq"] == max(seqs, default=7)
    is_placed = "since" in fields or "before" in fields
    assert answer["recovery"] == ("complete" if is_placed else "none")


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
def test_history_can_be_read_backwards_page_by_page(stage: Stage, limit: int) -> None:
    read: list[int] = []
    answer = _read(stage, reverse=True, limit=limit)
    while True:
        read += [each["seq"] for each in answer["messages"]]
        if not answer.get("more"):
            break
        answer = _read(stage, before=_place(read[-1]), reverse=True, limit=limit)
    assert read == [7, 6, 5, 4, 3, 2, 1]


@pytest.mark.parametrize(
    "fields",
    [
        {"before": {"epoch": "other", "seq": 3, "tag": "t3"}},
        {"before": {"epoch": "e2", "seq": 3, "tag": "other"}},
        {"before": {"epoch": "e2", "seq": 99, "tag": "t99"}},
        {"since": {"epoch": "other", "seq": 3, "tag": "t3"}, "reverse": True},
    ],
)
def test_a_place_that_is_not_there_is_a_gap(stage: Stage, fields: dict[str, Any]) -> None:
    """Catalogue 77 and 78."""
    answer = _read(stage, **fields)
    assert (answer["recovery"], answer["messages"], answer["seq"]) == ("gap", [], 7)


@pytest.mark.parametrize(
    ("fields", "seqs"),
    [
        ({}, [6, 7]),
        ({"reverse": True}, [7, 6]),
        ({"since": _place(1)}, [2, 3]),
        ({"before": _place(5)}, [3, 4]),
        ({"before": _place(5), "reverse": True}, [4, 3]),
    ],
)
def test_a_page_of_history_is_bounded_by_bytes_from_the_end_that_was_asked_for(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any], seqs: list[int]
) -> None:
    monkeypatch.setattr(pages, "PAGE_BYTES", 450)
    answer = _read(stage, **fields)
    assert [each["seq"] for each in answer["messages"]] == seqs


def test_a_page_waits_until_the_one_before_has_left(stage: Stage) -> None:
    """Catalogue 67."""
    peer = stage.connect()
    peer.reads_slowly = True
    peer.take()
    stage.send(peer, "history", channel=ROOM)
    assert len(peer.take()) == 1
    stage.send(peer, "history", channel=ROOM)
    assert peer.take() == []
    peer.catch_up()
    peer.step()
    assert len(peer.take()) == 1
