"""What is written is what RFC 6455 prescribes, byte for byte."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import rawframes
from tidewire.websocket.frames import (
    Opcode,
    close_frame,
    cut_reason,
    frame,
    masked_frame,
    ping_frame,
    pong_frame,
    text_frame,
)

SIZES = (0, 1, 125, 126, 127, 65_535, 65_536, 100_000)


def test_the_examples_of_the_specification_are_written_as_printed_there() -> None:
    """RFC 6455 section 5.7."""
    assert text_frame(b"Hello") == b"\x81\x05Hello"
    assert masked_frame(Opcode.TEXT, b"Hello", rawframes.MASK) == bytes.fromhex(
        "818537fa213d7f9f4d5158"
    )
    assert frame(Opcode.TEXT, b"Hel", final=False) == b"\x01\x03Hel"
    assert frame(Opcode.CONTINUATION, b"lo") == b"\x80\x02lo"
    assert ping_frame(b"Hello") == b"\x89\x05Hello"
    assert frame(Opcode.BINARY, bytes(256))[:4] == b"\x82\x7e\x01\x00"
    assert frame(Opcode.BINARY, bytes(65_536))[:10] == b"\x82\x7f" + (65_536).to_bytes(8, "big")


@pytest.mark.parametrize("size", SIZES)
def test_every_length_is_written_in_its_shortest_form(size: int) -> None:
    payload = b"x" * size
    assert text_frame(payload) == rawframes.frame(rawframes.TEXT, payload, mask=b"")
    assert frame(Opcode.BINARY, payload) == rawframes.frame(rawframes.BINARY, payload, mask=b"")
    masked = masked_frame(Opcode.TEXT, payload, rawframes.MASK)
    assert masked == rawframes.frame(rawframes.TEXT, payload)


def test_the_compressed_bit_is_the_first_reserved_one() -> None:
    """RFC 7692 section 6."""
    assert frame(Opcode.TEXT, b"", compressed=True) == b"\xc1\x00"


def test_a_close_frame_carries_its_code_and_reason() -> None:
    assert close_frame(1000, "bye") == b"\x88\x05\x03\xe8bye"


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 2999, 5000])
def test_a_code_that_is_never_on_the_wire_is_not_written(code: int) -> None:
    with pytest.raises(ValueError, match="may not be sent"):
        close_frame(code)


@given(st.text(max_size=200))
def test_a_long_reason_is_cut_between_two_characters(reason: str) -> None:
    cut = cut_reason(reason)
    assert len(cut) <= 123
    assert reason.startswith(cut.decode())
    assert len(cut) > 119 or cut.decode() == reason


def test_a_reason_that_utf8_cannot_say_is_sent_all_the_same() -> None:
    assert cut_reason("lone \ud800") == b"lone ?"


def test_a_pong_carries_what_the_ping_carried() -> None:
    assert pong_frame(b"abc") == b"\x8a\x03abc"


def test_a_control_frame_that_is_too_long_is_not_written() -> None:
    with pytest.raises(ValueError, match="at most 125"):
        ping_frame(bytes(126))
