"""Event streams: what a browser reads is what was meant, whatever a payload or an id holds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.eventstreams import parse
from tidewire.dialects import eventstream
from tidewire.dialects.eventstream import NOWHERE, block, find_last_id, last_id, read_id
from tidewire.messages import MAX_SAFE_INTEGER, Position

POSITIONS = st.builds(
    Position,
    st.text(max_size=64),
    st.integers(0, MAX_SAFE_INTEGER),
    st.text(max_size=32),
)


def test_a_block_is_one_event_with_its_name_and_id() -> None:
    (event,) = parse(block(b'{"a":1}', event="gap", last_id="e:1:t"))
    assert (event.name, event.data, event.last_id) == ("gap", '{"a":1}', "e:1:t")


def test_a_payload_with_line_breaks_stays_one_event_and_the_same_json() -> None:
    """Catalogue 63."""
    (event,) = parse(block(b'{"a":\r\n1,\n\n"b":\r2}'))
    assert event.json() == {"a": 1, "b": 2}
    assert event.name == "message"


def test_an_event_without_an_id_leaves_the_last_one_as_it_is() -> None:
    first, second = parse(block(b"1", last_id="e:1:t") + block(b"2"))
    assert first.last_id == second.last_id == "e:1:t"


def test_the_last_id_of_what_was_written_is_found_wherever_it_is() -> None:
    blocks = [block(b"1", last_id="e:1:t"), block(b'"\nid: 5\n"', event="gap")]
    assert find_last_id(b"".join(blocks)) == find_last_id(blocks[0]) == "e:1:t"
    assert find_last_id(blocks[1]) is None
    assert find_last_id(blocks[1] + block(b"2", last_id="")) == ""


def test_a_comment_and_a_retry_are_no_events() -> None:
    assert parse(eventstream.COMMENT + eventstream.retry(1.5)) == []
    assert eventstream.retry(1.5) == b"retry: 1500\n\n"


@given(st.lists(st.none() | POSITIONS, min_size=1, max_size=5))
def test_an_id_brings_back_every_position_and_breaks_no_line(
    positions: list[Position | None],
) -> None:
    """Catalogue 63."""
    text = last_id(positions)
    assert text.isascii()
    assert text.isprintable()
    assert read_id(text, len(positions)) == positions


def test_a_stream_that_was_told_no_position_yet_asks_for_none() -> None:
    assert read_id("", 2) == [None, None]
    assert read_id("e:1:t,", 2) == [Position("e", 1, "t"), None]


@pytest.mark.parametrize(
    "forged",
    [
        "17",
        "e:1",
        "e:-1:t",
        "e:1:t:2",
        "e:99999999999999999:t",
        "e:9223372036854775808:t",
        "%ff:1:t",
        "e" * 65 + ":1:t",
        "e:1:" + "t" * 33,
        "a b",
    ],
)
def test_a_forged_id_stands_for_nowhere(forged: str) -> None:
    """Catalogue 63, 77."""
    assert read_id(forged, 1) == [NOWHERE]


def test_the_id_of_another_list_of_channels_stands_for_nowhere() -> None:
    assert read_id("e:1:t", 2) == [NOWHERE, NOWHERE]
    assert read_id("e:1:t,f:2:u,g:3:v", 2) == [NOWHERE, NOWHERE]
