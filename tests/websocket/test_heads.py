"""A frame's head is read strictly, from as few bytes as show what is wrong."""

from __future__ import annotations

import pytest

from tests.support import rawframes
from tests.support.rawframes import BINARY, MASK, PING, TEXT
from tidewire.errors import ProtocolViolated
from tidewire.websocket.heads import Head, read_head


def refusal(data: bytes, *, masked: bool = True) -> str:
    with pytest.raises(ProtocolViolated) as caught:
        read_head(data, 0, masked=masked)
    assert caught.value.close_code == 1002
    return str(caught.value)


@pytest.mark.parametrize(
    ("field", "length"),
    [
        (b"\x00", 0),
        (b"\x7d", 125),
        (b"\x7e\x00\x7e", 126),
        (b"\x7e\xff\xff", 65_535),
        (b"\x7f" + (2**40).to_bytes(8, "big"), 2**40),
    ],
)
def test_a_head_is_read_whatever_the_form_of_its_length(field: bytes, length: int) -> None:
    head = read_head(b"??" + rawframes.frame(BINARY, length=field), 2, masked=True)
    assert head == Head(BINARY, True, False, length, MASK, 2 + 1 + len(field) + 4)


@pytest.mark.parametrize("size", range(8))
def test_an_incomplete_head_waits_for_the_rest(size: int) -> None:
    data = rawframes.frame(BINARY, bytes(300))
    assert read_head(data[:size], 0, masked=True) is None


def test_a_server_refuses_a_frame_that_is_not_masked() -> None:
    """Catalogue 29."""
    assert refusal(b"\x81\x00") == "frame is not masked"


def test_a_client_refuses_a_frame_that_is_masked() -> None:
    assert refusal(b"\x81\x80", masked=False) == "frame is masked"


@pytest.mark.parametrize("rsv", [0b001, 0b010, 0b011, 0b111])
def test_the_other_reserved_bits_are_refused(rsv: int) -> None:
    """Catalogue 30."""
    assert refusal(rawframes.frame(TEXT, rsv=rsv)) == "reserved bit set"


@pytest.mark.parametrize("opcode", [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
def test_an_unknown_opcode_is_refused_at_once(opcode: int) -> None:
    """Catalogue 30."""
    assert refusal(rawframes.frame(opcode)[:2]) == f"unknown opcode {opcode}"


@pytest.mark.parametrize("length", [2**63, 2**64 - 1])
def test_a_length_with_its_top_bit_set_is_refused(length: int) -> None:
    """Catalogue 31."""
    field = b"\x7f" + length.to_bytes(8, "big")
    assert refusal(rawframes.frame(TEXT, length=field)) == "length has its top bit set"


@pytest.mark.parametrize(
    "field", [b"\x7e\0\0", b"\x7e\0\x7d", b"\x7f" + bytes(8), b"\x7f" + (65_535).to_bytes(8, "big")]
)
def test_a_length_in_a_longer_form_than_needed_is_refused(field: bytes) -> None:
    """Catalogue 33."""
    assert refusal(rawframes.frame(TEXT, length=field)) == "length is not in its shortest form"


def test_a_fragmented_control_frame_is_refused() -> None:
    """Catalogue 34."""
    assert refusal(rawframes.frame(PING, fin=False)[:2]) == "control frame is fragmented"


@pytest.mark.parametrize("field", [b"\x7e\0\x7e", b"\x7f" + bytes(8)])
def test_a_control_frame_that_is_too_long_is_refused(field: bytes) -> None:
    """Catalogue 34."""
    assert refusal(rawframes.frame(PING, length=field)[:2]) == "control frame is too long"


def test_a_compressed_control_frame_is_refused_always() -> None:
    """Catalogue 43."""
    assert refusal(rawframes.frame(PING, rsv=0b100)) == "control frame is compressed"
