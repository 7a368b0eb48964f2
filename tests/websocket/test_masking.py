"""Masking is XOR with a repeated key, by whichever way is fastest."""

from __future__ import annotations

from itertools import cycle

from hypothesis import given
from hypothesis import strategies as st

from tidewire.websocket.masking import apply_mask, rotate

MASK = b"\x37\xfa\x21\x3d"


def by_the_letter(payload: bytes, mask: bytes) -> bytes:
    return bytes(byte ^ key for byte, key in zip(payload, cycle(mask), strict=False))


def test_the_example_of_the_specification_is_masked_as_printed_there() -> None:
    """RFC 6455 section 5.7."""
    assert apply_mask(b"Hello", MASK) == b"\x7f\x9f\x4d\x51\x58"


@given(st.binary(max_size=2000), st.binary(min_size=4, max_size=4))
def test_every_way_of_masking_gives_what_the_letter_says(payload: bytes, mask: bytes) -> None:
    assert apply_mask(payload, mask) == by_the_letter(payload, mask)
    assert apply_mask(payload * 4, mask) == by_the_letter(payload * 4, mask)


@given(st.binary(max_size=600), st.integers(0, 600))
def test_a_payload_unmasked_in_two_pieces_is_the_same(payload: bytes, cut: int) -> None:
    first, second = payload[:cut], payload[cut:]
    pieces = apply_mask(first, MASK) + apply_mask(second, rotate(MASK, len(first)))
    assert pieces == apply_mask(payload, MASK)
